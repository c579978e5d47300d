//! libvirt's own opinion, where libvirt is there: its schema, and the command line that it would make.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use bootwright::guest::Guest;
use bootwright::guest::compare::differences;
use bootwright::guest::qemu::{self, Reading};
use bootwright::report::text::printable;

use super::args::refused;
use super::file::{shown, text};
use crate::XtaskError;

/// Where libvirt installs its schemas.
const SCHEMAS: &str = "/usr/share/libvirt/schemas";
/// The variable that names another folder of them.
const SCHEMAS_VARIABLE: &str = "BOOTWRIGHT_LIBVIRT_SCHEMAS";

/// Holds a file against libvirt's RELAX NG schema, where the schema and xmllint are there.
///
/// # Errors
///
/// [`XtaskError`] with xmllint's words where the file does not hold.
pub fn validate(name: &str, text: &str, schema: &str) -> Result<(), XtaskError> {
    let folder = std::env::var_os(SCHEMAS_VARIABLE).unwrap_or_else(|| SCHEMAS.into());
    let schema = Path::new(&folder).join(schema);
    if !schema.is_file() {
        return Ok(());
    }
    let checked = fed(Command::new("xmllint").args(["--noout", "--nonet", "--relaxng"]).arg(&schema).arg("-"), text);
    let Ok(checked) = checked else {
        crate::output::note(&format!("note: {} is there, xmllint is not: the schema is not checked", schema.display()));
        return Ok(());
    };
    if checked.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&checked.stderr);
    let named =
        |line: &str| printable(&line.strip_prefix("-:").map_or(line.to_owned(), |rest| format!("{name}:{rest}")));
    let first: Vec<String> = said.lines().take(3).map(named).collect();
    Err(XtaskError(format!(
        "libvirt's schema refuses the file\n  {}\n  schema: {}",
        first.join("\n  "),
        schema.display()
    )))
}

/// Compares a guest as it was read with the command line that libvirt makes of it, and prints what differs. Without a
/// recorded one virsh is asked, where there is one.
///
/// # Errors
///
/// [`XtaskError`] where a recorded line cannot be read.
pub fn compare(guest: &Guest, domain: &str, recorded: Option<&Path>) -> Result<(), XtaskError> {
    let (line, whose) = match recorded {
        Some(path) => (text(path)?, shown(path)),
        None => match native(domain) {
            Some(line) => (line, "virsh domxml-to-native".to_owned()),
            None => return Ok(()),
        },
    };
    let other = qemu::read_text(&whose, &line, &Reading::default()).map_err(|error| refused(&error))?;
    let found = differences(guest, &other);
    say!("\ncompared with {whose}:");
    if found.is_empty() {
        say!("  the same in all that matters to a boot");
    }
    let of_nic = differences(&without_nics(guest), &without_nics(&other)).len() < found.len();
    for line in found {
        say!("  {line}");
    }
    if of_nic {
        say!(
            "  (domxml-to-native writes no boot order and no option ROM of a network card; libvirt's log of a start has both)"
        );
    }
    Ok(())
}

fn without_nics(guest: &Guest) -> Guest {
    let mut guest = guest.clone();
    guest.devices.retain(|device| !device.device.is_nic());
    guest
}

/// What virsh makes of a domain, without a daemon.
fn native(domain: &str) -> Option<String> {
    let mut asked = Command::new("virsh");
    asked.args(["-c", "qemu:///session", "domxml-to-native", "qemu-argv", "/dev/stdin"]);
    let asked = fed(&mut asked, domain).ok()?;
    if !asked.status.success() {
        let said = String::from_utf8_lossy(&asked.stderr);
        crate::output::note(&format!(
            "note: virsh does not translate the domain: {}",
            printable(said.lines().next().unwrap_or_default())
        ));
        return None;
    }
    Some(String::from_utf8_lossy(&asked.stdout).into_owned())
}

/// Runs a program with a text on its standard input.
fn fed(command: &mut Command, text: &str) -> std::io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // one that has seen enough closes it
        input.write_all(text.as_bytes()).ok();
    }
    child.wait_with_output()
}
