//! Classes of devices in `-boot order=` and `once=`, as letters.

use super::Reader;
use super::refused::is_open;
use super::words::Word;
use crate::guest::GuestError;
use crate::machine::Board;

/// How many classes a PC tries (`PC_MAX_BOOT_DEVICES` in QEMU's `hw/i386/pc.c`).
const MOST_OF_A_PC: usize = 3;
const FIX: &str = "write a (floppy), c (hard disk), d (CD) or n (network), three at most";

impl Reader<'_> {
    /// Refuses letters that no board takes: from a to p, and each once (`validate_bootdevices` in QEMU's `system/bootdevice.c`).
    pub(super) fn boot_letters(&mut self, key: &str, letters: &str, word: &Word) -> Result<(), GuestError> {
        if is_open(word) {
            return Ok(());
        }
        for (at, letter) in letters.chars().enumerate() {
            let what = match letters.chars().take(at).any(|before| before == letter) {
                false if ('a'..='p').contains(&letter) => continue,
                false => {
                    format!("-boot {key}={letters}: there is no class \"{letter}\" of devices (QEMU refuses that)")
                }
                true => format!("-boot {key}={letters}: \"{letter}\" is given twice (QEMU refuses that)"),
            };
            return Err(self.error(word, what, FIX));
        }
        self.boot_classes.push((format!("-boot {key}={letters}"), letters.to_owned(), word.clone()));
        Ok(())
    }

    /// Refuses what a PC does not take (`set_boot_dev` in QEMU's `hw/i386/pc.c`).
    pub(super) fn boot_classes_of_a_pc(&self) -> Result<(), GuestError> {
        if !matches!(self.board, Some(Board::Pc | Board::Q35)) {
            return Ok(());
        }
        for (said, letters, word) in &self.boot_classes {
            if letters.chars().count() > MOST_OF_A_PC {
                let what = format!("{said}: more classes of devices than {MOST_OF_A_PC} (QEMU refuses that)");
                return Err(self.error(word, what, FIX));
            }
            if let Some(letter) = letters.chars().find(|letter| !"abcdn".contains(*letter)) {
                let machine = &self.machine_type;
                let what =
                    format!("{said}: machine {machine} has no class \"{letter}\" of devices (QEMU refuses that)");
                return Err(self.error(word, what, FIX));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::guest::qemu::{Reading, read_text};

    fn read(line: &str) -> Result<(), String> {
        read_text("line", line, &Reading::default()).map(|_| ()).map_err(|error| error.what)
    }

    #[rstest::rstest]
    #[case::twice("kvm -boot cc", "\"c\" is given twice")]
    #[case::in_capitals("kvm -boot D", "no class \"D\"")]
    #[case::a_word("kvm -boot menu", "no class \"u\"")]
    #[case::once("kvm -boot once=dvd", "no class \"v\"")]
    #[case::of_another_board("kvm -boot hd", "machine pc has no class \"h\"")]
    #[case::before_the_board("kvm -boot once=e -M q35", "machine q35 has no class \"e\"")]
    #[case::four("kvm -boot order=acdn", "more classes of devices than 3")]
    #[case::on_arm("qemu-system-aarch64 -M virt -boot z", "no class \"z\"")]
    fn letters_that_qemu_refuses_are_refused(#[case] line: &str, #[case] what: &str) {
        let said = read(line).unwrap_err();
        assert!(said.contains(what) && said.contains("QEMU refuses"), "{said}");
    }

    #[rstest::rstest]
    #[case("kvm -boot order=ndc,once=b")]
    #[case("kvm -boot order=")]
    #[case("kvm -boot $ORDER,menu=on")]
    #[case("qemu-system-aarch64 -M virt -boot acdn")]
    fn letters_that_qemu_takes_are_taken(#[case] line: &str) {
        read(line).unwrap();
    }
}
