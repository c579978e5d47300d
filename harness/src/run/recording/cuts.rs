//! Logs with pieces cut out.

use super::{Event, bytes, text};

/// A log without some of its bytes, and which.
pub(crate) struct Cut {
    /// What was cut out, for people.
    pub what: String,
    /// What is left.
    pub log: Vec<Event>,
}

/// One stream of a log: where its bytes are.
struct Stream {
    serial: bool,
    bytes: Vec<u8>,
}

impl Stream {
    fn of(log: &[Event], serial: bool) -> Stream {
        let mut all = Vec::new();
        for event in log {
            match event {
                Event::Serial(piece) if serial => all.extend(bytes(piece)),
                Event::DebugConsole(piece) if !serial => all.extend(bytes(piece)),
                _ => {}
            }
        }
        Stream { serial, bytes: all }
    }

    /// Places behind line ends, and both ends.
    fn lines(&self) -> Vec<(usize, usize)> {
        let ends = self.bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let ends: Vec<usize> = ends.chain([self.bytes.len()]).collect();
        let begins = std::iter::once(0).chain(ends.iter().copied());
        begins.zip(ends.iter().copied()).filter(|(begin, end)| begin < end).collect()
    }

    /// The log without the bytes that `drop` names by their place in this stream.
    fn without(&self, log: &[Event], drop: impl Fn(usize) -> bool) -> Vec<Event> {
        let mut at = 0;
        let mut cut = |piece: &String| {
            let kept: Vec<u8> =
                bytes(piece).into_iter().enumerate().filter(|(n, _)| !drop(at + n)).map(|(_, b)| b).collect();
            at += piece.chars().count();
            text(&kept)
        };
        let one = |event: &Event| match event {
            Event::Serial(piece) if self.serial => Event::Serial(cut(piece)),
            Event::DebugConsole(piece) if !self.serial => Event::DebugConsole(cut(piece)),
            other => other.clone(),
        };
        log.iter().map(one).collect()
    }
}

/// Every kind of cut in the stream that firmware writes its log to. `seed` decides the random ones.
pub fn of(log: &[Event], serial: bool, seed: u64) -> Vec<Cut> {
    let stream = Stream::of(log, serial);
    let (length, lines) = (stream.bytes.len(), stream.lines());
    let mut random = fastrand::Rng::with_seed(seed);
    let mut cuts = Vec::new();
    let mut cut = |what: String, drop: &dyn Fn(usize) -> bool| {
        cuts.push(Cut { what, log: stream.without(log, drop) });
    };
    for size in [7, 16, 64, 256] {
        for every in [2, 3, 5, 8] {
            for first in 0..every {
                cut(format!("chunk {first} of each {every} of {size} bytes"), &|at| at / size % every == first);
            }
        }
    }
    for (number, &(begin, end)) in lines.iter().enumerate() {
        cut(format!("line {number}"), &|at| (begin..end).contains(&at));
        cut(format!("the end of line {number}"), &|at| at + 1 == end);
        cut(format!("the end of line {number} with its carriage return"), &|at| at + 1 == end || at + 2 == end);
        let next = lines.get(number + 1).map_or(end, |line| line.1);
        cut(format!("lines {number} and {}", number + 1), &|at| (begin..next).contains(&at));
        let byte = random.usize(begin..end);
        cut(format!("byte {byte}"), &|at| at == byte);
        let (from, to) = (random.usize(begin..end), random.usize(begin..end));
        cut(format!("bytes {} to {} of a line", from.min(to), from.max(to)), &|at| {
            (from.min(to)..=from.max(to)).contains(&at)
        });
    }
    for _ in 0..200 {
        let begin = random.usize(0..length.max(1));
        let size = [1, 2, 5, 20, 80, 200, 1000][random.usize(0..7)];
        cut(format!("{size} bytes from {begin}"), &|at| (begin..begin + size).contains(&at));
    }
    for _ in 0..40 {
        let places: Vec<usize> = (0..random.usize(2..6)).map(|_| random.usize(0..length.max(1))).collect();
        let size = [1, 10, 60][random.usize(0..3)];
        cut(format!("{size} bytes from each of {places:?}"), &|at| {
            places.iter().any(|place| (*place..place + size).contains(&at))
        });
    }
    cuts
}
