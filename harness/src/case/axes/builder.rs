//! Collects axes and exclusions, and refuses misspelt ones before any combination is looked at.

use std::cell::RefCell;

use super::{Axes, AxesError, Axis, Exclusion, TABLE_LIMIT};

/// A predicate over the axes that its exclusion declares.
type Predicate = Box<dyn Fn(&At<'_>) -> bool>;

/// Axes and exclusions as they are named; nothing is checked before [`AxesBuilder::build`].
#[must_use = "words about axes give a new builder back"]
#[derive(Default)]
pub struct AxesBuilder {
    axes: Vec<Axis>,
    exclusions: Vec<(Vec<String>, String, Predicate)>,
}

/// The values that an exclusion looks at.
pub struct At<'a> {
    axes: &'a [Axis],
    /// Axis and value, as indices.
    given: Vec<(usize, usize)>,
    misspelt: RefCell<Option<String>>,
}

impl Axes {
    /// Starts an empty set of axes.
    pub fn builder() -> AxesBuilder {
        AxesBuilder::default()
    }
}

impl AxesBuilder {
    /// Adds an axis.
    pub fn axis<'v>(mut self, name: &str, values: impl IntoIterator<Item = &'v str>) -> Self {
        self.axes.push(Axis::new(name, values));
        self
    }

    /// Forbids the combinations of the declared `axes` for which `predicate` holds; `reason` is shown in listings.
    pub fn exclude(mut self, axes: &[&str], reason: &str, predicate: impl Fn(&At<'_>) -> bool + 'static) -> Self {
        let axes = axes.iter().map(|&axis| axis.to_owned()).collect();
        self.exclusions.push((axes, reason.to_owned(), Box::new(predicate)));
        self
    }

    /// Checks every name and tabulates the predicates.
    ///
    /// # Errors
    ///
    /// [`AxesError`] for names that are empty, repeated or unfit for an id, axes without values, exclusions without
    /// a reason or with a predicate that asks for an axis or a value which does not exist.
    pub fn build(self) -> Result<Axes, AxesError> {
        let axes = self.axes;
        check_names("axis".to_owned(), axes.iter().map(|axis| axis.name.as_str()))?;
        for axis in &axes {
            check_names(format!("value of axis {:?}", axis.name), axis.values.iter().map(String::as_str))?;
            if axis.values.is_empty() {
                return Err(AxesError::NoValues { axis: axis.name.clone() });
            }
        }
        let exclusions = self.exclusions.into_iter();
        let exclusions = exclusions.map(|(over, reason, predicate)| tabulate(&axes, &over, reason, &predicate));
        let exclusions = exclusions.collect::<Result<Vec<_>, _>>()?;
        Ok(Axes { axes, exclusions })
    }
}

impl Axis {
    fn new<'v>(name: &str, values: impl IntoIterator<Item = &'v str>) -> Self {
        Self { name: name.to_owned(), values: values.into_iter().map(str::to_owned).collect() }
    }
}

impl At<'_> {
    /// Whether `axis` has this value here.
    pub fn is(&self, axis: &str, value: &str) -> bool {
        let Some(&(at, chosen)) = self.given.iter().find(|(at, _)| self.axes[*at].name == axis) else {
            self.misspelt.replace(Some(format!("axis {axis:?}")));
            return false;
        };
        let Some(asked) = self.axes[at].values.iter().position(|known| known == value) else {
            self.misspelt.replace(Some(format!("value {value:?} of axis {axis:?}")));
            return false;
        };
        chosen == asked
    }

    /// Whether `axis` has one of these values here.
    pub fn is_one_of(&self, axis: &str, values: &[&str]) -> bool {
        // Every value is asked for, so that a misspelt one shows even behind a match.
        values.iter().fold(false, |found, value| self.is(axis, value) | found)
    }
}

fn check_names<'n>(what: String, names: impl Iterator<Item = &'n str>) -> Result<(), AxesError> {
    let fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.+".contains(c);
    let mut seen = Vec::new();
    for name in names {
        if name.is_empty() || !name.chars().all(fit) {
            return Err(AxesError::Name { what, name: name.to_owned() });
        }
        if seen.contains(&name) {
            return Err(AxesError::Twice { what, name: name.to_owned() });
        }
        seen.push(name);
    }
    Ok(())
}

fn tabulate(axes: &[Axis], over: &[String], reason: String, predicate: &Predicate) -> Result<Exclusion, AxesError> {
    if reason.trim().is_empty() {
        return Err(AxesError::NoReason { axes: over.join(", ") });
    }
    let mut indices = Vec::new();
    for name in over {
        match axes.iter().position(|axis| axis.name == *name) {
            Some(index) => indices.push(index),
            None => return Err(AxesError::Unknown { reason, asked: format!("axis {name:?}") }),
        }
    }
    indices.sort_unstable();
    indices.dedup();
    let size = indices.iter().try_fold(1_usize, |size, &axis| size.checked_mul(axes[axis].values.len()));
    let Some(size) = size.filter(|&size| size <= TABLE_LIMIT) else {
        return Err(AxesError::TooMany { what: format!("exclusion {reason:?}"), limit: TABLE_LIMIT });
    };
    let mut forbidden = Vec::with_capacity(size);
    for entry in 0..size {
        let mut rest = entry;
        let mut given: Vec<(usize, usize)> = Vec::with_capacity(indices.len());
        for &axis in indices.iter().rev() {
            given.push((axis, rest % axes[axis].values.len()));
            rest /= axes[axis].values.len();
        }
        let at = At { axes, given, misspelt: RefCell::new(None) };
        forbidden.push(predicate(&at));
        if let Some(asked) = at.misspelt.into_inner() {
            return Err(AxesError::Unknown { reason, asked });
        }
    }
    Ok(Exclusion { reason, axes: indices, forbidden })
}
