//! Which cases a run was asked for, so that its parts can be put together again and a missing one is noticed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::digest;

/// The K-th of N stable parts of a selection; written `K/N`, K from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    k: u32,
    n: u32,
}

/// Text that is no shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no shard: wanted K/N with K from 1 to N")]
pub struct ShardError(String);

impl Shard {
    /// Part `k` of `n`; `None` unless 1 <= k <= n.
    pub fn new(k: u32, n: u32) -> Option<Shard> {
        (1 <= k && k <= n).then_some(Shard { k, n })
    }

    /// Which part, from 1.
    pub fn k(self) -> u32 {
        self.k
    }

    /// Of how many.
    pub fn n(self) -> u32 {
        self.n
    }

    /// Whether a case belongs to it: a stable hash of the id, FNV-1a with 32 bits.
    pub fn holds(self, id: &str) -> bool {
        digest::fnv1a(id.as_bytes()) % self.n == self.k - 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.k, self.n)
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Shard, ShardError> {
        let numbers = text.split_once('/').and_then(|(k, n)| Shard::new(k.parse().ok()?, n.parse().ok()?));
        numbers.ok_or_else(|| ShardError(text.to_owned()))
    }
}

impl TryFrom<String> for Shard {
    type Error = ShardError;

    fn try_from(text: String) -> Result<Shard, ShardError> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> String {
        shard.to_string()
    }
}

/// What was selected, before it was cut into shards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The words or ids that were asked for; none: the whole suite.
    pub filters: Vec<String>,
    /// They are ids in full.
    pub exact: bool,
    /// How often each case runs.
    pub repeat: u32,
    /// How many cases were selected, without repetition.
    pub cases: u64,
    /// SHA-256 of their sorted ids, each with a line feed behind it.
    pub sha256: String,
}

impl Selection {
    /// The selection that these filters made of a suite; `ids` in any order, each once or more.
    pub fn new<'a>(
        filters: Vec<String>,
        exact: bool,
        repeat: u32,
        ids: impl IntoIterator<Item = &'a str>,
    ) -> Selection {
        let (cases, sha256) = digest(ids);
        Selection { filters, exact, repeat, cases, sha256 }
    }

    /// Whether these ids, with their rounds, are exactly those that were selected, each as often as was asked for.
    pub(crate) fn is_of<'a>(&self, cases: impl IntoIterator<Item = (&'a str, Option<u32>)>) -> bool {
        let mut rounds: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        for (id, round) in cases {
            rounds.entry(id).or_default().insert(round.unwrap_or(1));
        }
        let all = |rounds: &BTreeSet<u32>| rounds.iter().copied().eq(1..=self.repeat.max(1));
        rounds.values().all(all) && digest(rounds.into_keys()) == (self.cases, self.sha256.clone())
    }
}

impl fmt::Display for Selection {
    /// For example `order exact, 3 cases`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.filters.as_slice() {
            [] => write!(out, "no filter")?,
            filters => write!(out, "{}", filters.join(" "))?,
        }
        if self.exact {
            write!(out, " (exact)")?;
        }
        if self.repeat > 1 {
            write!(out, ", {} times", self.repeat)?;
        }
        write!(out, ", {} cases {}", self.cases, self.sha256.get(..8).unwrap_or(&self.sha256))
    }
}

fn digest<'a>(ids: impl IntoIterator<Item = &'a str>) -> (u64, String) {
    let ids: BTreeSet<&str> = ids.into_iter().collect();
    let mut hash = Sha256::new();
    for id in &ids {
        hash.update(id.as_bytes());
        hash.update(b"\n");
    }
    (ids.len() as u64, digest::hex(&hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_reads_back_what_it_writes_and_nothing_else() {
        for text in ["1/1", "2/3", "4294967295/4294967295"] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
        }
        for text in ["", "1", "0/1", "2/1", "1/0", "-1/2", "1/2/3", "1/4294967296"] {
            let error = text.parse::<Shard>().unwrap_err().to_string();
            assert!(error.contains("wanted K/N"), "{error}");
        }
    }

    #[test]
    fn every_id_is_in_one_shard() {
        for id in ["a", "order::seabios::pc::virtio-blk-before-ide", ""] {
            let holders = (1..=7).filter(|&k| Shard::new(k, 7).unwrap().holds(id)).count();
            assert_eq!(holders, 1, "{id}");
        }
    }

    #[test]
    fn a_selection_knows_its_cases_in_any_order_and_misses_one() {
        let selection = Selection::new(Vec::new(), false, 1, ["b", "a", "a"]);
        assert_eq!(selection.cases, 2);
        let is_of = |ids: &[&'static str]| selection.is_of(ids.iter().map(|id| (*id, None)));
        assert!(is_of(&["a", "b"]));
        assert!(!is_of(&["a"]) && !is_of(&["a", "b", "c"]) && !is_of(&["ab"]) && !is_of(&[]));
    }

    #[test]
    fn a_selection_misses_a_round_of_a_case_that_was_to_run_several_times() {
        let selection = Selection::new(Vec::new(), false, 2, ["a", "b"]);
        let [a, b] = ["a", "b"].map(|id| [(id, Some(1)), (id, Some(2))]);
        assert!(selection.is_of([a, b].concat()));
        assert!(!selection.is_of([&a[..], &b[..1]].concat()), "the second round of b is missing");
        assert!(!selection.is_of([("a", None), ("b", None)]));
        assert!(!selection.is_of([&a[..], &b[..], &[("b", Some(3))]].concat()), "nobody asked for a third");
    }
}
