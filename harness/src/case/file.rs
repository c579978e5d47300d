//! A case as a file, in TOML or JSON.
//!
//! What a case's data leaves out is as the words of [`Case`] and [`Machine`](crate::machine::Machine) leave it. A key that
//! there is not is refused.
//!
//! ```
//! use bootwright::case::file::{Format, read};
//!
//! let text = r#"
//!     id = "mine::lower-bootindex-wins"
//!     [machine]
//!     firmware = "seabios"
//!     board = "pc"
//!     [[machine.devices]]
//!     class = "virtio-blk"
//!     medium = { name = "wrong", content = "blank" }
//!     [[machine.devices]]
//!     class = "nvme"
//!     bootindex = 1
//!     [machine.devices.medium]
//!     name = "right"
//!     content = { bootable = {} }
//!     [expectation]
//!     attempts = [{ target = { medium = "right" }, outcome = "booted" }]
//!     ending = "boots"
//! "#;
//! let case = read(text, Format::Toml, "mine.toml")?;
//! assert_eq!(case.machine.devices[1].bootindex, Some(1));
//! # Ok::<(), bootwright::case::file::CaseFileError>(())
//! ```

use std::path::Path;

use super::{Case, SourceLine};

/// The language of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TOML.
    Toml,
    /// JSON.
    Json,
}

/// A file that holds no case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct CaseFileError {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong, and what was wanted where that can be said.
    pub problem: String,
}

impl Format {
    /// By a file's name: `.json` is JSON, all else TOML.
    pub fn of(path: &Path) -> Format {
        match path.extension() {
            Some(extension) if extension == "json" => Format::Json,
            _ => Format::Toml,
        }
    }
}

/// Reads a case. `file` is the name that errors and the case's own [`SourceLine`] have.
///
/// # Errors
///
/// [`CaseFileError`] with line and column for text that is not of its format, a key that there is not, a key that is
/// missing, or a value of another type.
pub fn read(text: &str, format: Format, file: &str) -> Result<Case, CaseFileError> {
    let problem = |line, column, problem| CaseFileError { file: file.to_owned(), line, column, problem };
    let case: Case = match format {
        Format::Json => serde_json::from_str(text).map_err(|error| {
            let words = error.to_string();
            let words = words.split(" at line ").next().unwrap_or_default().to_owned();
            problem(error.line(), error.column(), words)
        })?,
        Format::Toml => toml::from_str(text).map_err(|error: toml::de::Error| {
            let (line, column) = place(text, error.span().map_or(0, |span| span.start));
            problem(line, column, error.message().to_owned())
        })?,
    };
    let source = if case.source == SourceLine::default() {
        SourceLine { file: file.to_owned(), line: 1 }
    } else {
        case.source.clone()
    };
    let machine = case.machine.clone();
    Ok(Case { source, ..case.machine(machine) })
}

/// Line and column of a byte, from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::story::Story;
    use crate::machine::{Firmware, Machine, Medium, Network};
    use crate::verdict::{Expectation, OnLan};

    fn case() -> Case {
        let lan = crate::lan::LanSpec::new().file("odd.bin", vec![0, 0xff]);
        let machine = Machine::q35(Firmware::Ovmf)
            .network(Network::new(lan).efi_program("boot.efi", "served"))
            .virtio_scsi(3, 7, Medium::hanging("disk"))
            .logical_geometry(65, 16, 32)
            .property("num_queues", 4)
            .nic("e1000", Some(0))
            .bootindex(1);
        Case::new("mine::case")
            .about("one of everything")
            .control(machine.clone().without_bootindex())
            .beside(Machine::pc(Firmware::SeaBios), Expectation::nothing_boots([]))
            .machine(machine)
            .story(Story::new().unplug("disk").set_bootindex("nic0", -1).reset())
            .expect(Expectation::boots("served").without_trying("disk").on_lan(OnLan::Arch(7)).lasting(1, 20))
            .long("an OVMF boot is slow")
    }

    #[test]
    fn a_case_reads_back_equal_from_both_formats() {
        let case = case();
        let json = serde_json::to_string_pretty(&case).unwrap();
        assert_eq!(read(&json, Format::Json, "a.json").unwrap(), case);
        let toml = toml::to_string(&case).unwrap();
        assert_eq!(read(&toml, Format::Toml, "a.toml").unwrap(), case);
    }

    #[test]
    fn bytes_are_written_as_hexadecimal() {
        assert!(serde_json::to_string(&case()).unwrap().contains(r#""odd.bin":{"hex":"00ff"}"#));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_column() {
        let json = "{\n  \"id\": \"a\",\n  \"machin\": {}\n}";
        let error = read(json, Format::Json, "a.json").unwrap_err();
        assert_eq!((error.line, error.problem.starts_with("unknown field `machin`")), (3, true), "{error}");
        let toml = "id = \"a\"\n[machine]\nfirmware = \"seabios\"\nboard = \"q36\"\n";
        let error = read(toml, Format::Toml, "a.toml").unwrap_err();
        assert!(error.to_string().starts_with("a.toml:4:9: unknown variant `q36`"), "{error}");
        let toml = "id = \"a\"\n[machine]\nfirmware = \"seabios\"\nboard = \"pc\"\nram = 3\n";
        let error = read(toml, Format::Toml, "a.toml").unwrap_err();
        assert_eq!((error.line, error.column), (5, 1), "{error}");
        assert!(error.problem.contains("unknown field `ram`"), "{error}");
    }

    #[test]
    fn a_case_of_a_file_has_its_axes_and_says_where_it_is_written() {
        let text = "id = \"a\"\nexpectation = { attempts = [], ending = \"nothing-bootable\" }\n[machine]\n\
                    firmware = \"seabios\"\nboard = \"q35\"\n";
        let case = read(text, Format::of(Path::new("x/a.toml")), "x/a.toml").unwrap();
        assert_eq!(case.machine, Machine::q35(Firmware::SeaBios));
        assert_eq!((case.axes["machine"].as_str(), case.source.to_string().as_str()), ("q35", "x/a.toml:1"));
    }
}
