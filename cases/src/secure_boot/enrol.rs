//! Keys that are enrolled by hand: setup's own pages take a certificate from a file and write it to db, and then the platform
//! key, with which Secure Boot is in force at the next boot.
//!
//! Each key that is pressed waits for the page that it leads to. The numbers are places on the pages of edk2
//! (SecureBootConfig.vfr, FileExplorerLib).

use bootwright::case::Case;
use bootwright::case::story::Story;
use bootwright::images::Signer;
use bootwright::machine::{
    Board, Clock, Firmware, Machine, Medium, OwnProgram, SecureBootKeys, SystemFiles, VariableStore,
};
use bootwright::verdict::stores::OnStore;
use bootwright::verdict::{Expectation, booted, refused};

use super::signed;
use crate::networks::on_x86;
use crate::setup::{DOWN, F2, LISTS, READY, READY_WIDE, RETURN, SETUP, UP, key, marked, typed};

const BOARD: Board = Board::Q35;

/// Where firmware looks on a disk.
const PROGRAM: &str = "EFI/BOOT/BOOTX64.EFI";

/// The certificate's file, in lower case: 2022.11 knows an extension in no other.
const CERTIFICATE: &str = "own.cer";

/// The pages' way to a choice of Secure Boot Mode.
const MODES: &str = "Custom Mode";

/// All cases of this part.
pub fn cases() -> Vec<Case> {
    let cases = [certificate(), db_alone()];
    cases.map(|case| case.long("an OVMF with SMM takes more than one without, and keys take real time")).into()
}

#[track_caller]
fn case(name: &str) -> Case {
    Case::new(format!("secure_boot::{}::enrolled-by-hand::{name}", on_x86(BOARD).id()))
        .axis("secure-boot", "enrolled-by-hand")
}

/// A disk with a program that nobody signed and a certificate, before one whose program our key signed. The store has no keys.
fn machine(program: &str, certificate: Signer) -> Machine {
    let files = SystemFiles::new().program(program, OwnProgram::new()).certificate(CERTIFICATE, certificate);
    let store = VariableStore::with_keys(SecureBootKeys::setup_mode());
    Machine::new(Firmware::Ovmf, BOARD)
        .secure_boot()
        .variable_store(store)
        .virtio_blk(Medium::system("first", files))
        .slot(4)
        .bootindex(1)
        .virtio_blk(signed("second", Signer::Own))
        .slot(6)
        .bootindex(2)
        .boot_menu(Some(65_535))
        .with_clock(Clock::Real)
}

/// Setup's pages, and the text with which each says that it waits for a key.
struct Pages {
    story: Story,
    ready: &'static str,
}

impl Pages {
    fn key(self, key_of: (&str, &str), answer: &str) -> Pages {
        Pages { story: key(self.story, BOARD, key_of, answer), ..self }
    }

    /// Moves so many lines and chooses.
    fn chosen(self, (way, lines): ((&str, &str), usize)) -> Pages {
        let ready = self.ready;
        (0..lines).fold(self, |pages, _| pages.key(way, ready)).key(RETURN, ready)
    }

    /// The same by several choices in turn.
    fn all_chosen<const N: usize>(self, choices: [((&str, &str), usize); N]) -> Pages {
        choices.into_iter().fold(self, Pages::chosen)
    }

    /// From the front page to Custom Secure Boot Options: Device Manager, Secure Boot Configuration, Custom Mode.
    fn options(self) -> Pages {
        let ready = self.ready;
        let mode = self.all_chosen([(DOWN, 1), (DOWN, 2)]).key(DOWN, ready);
        mode.key(RETURN, MODES).key(DOWN, MODES).key(RETURN, ready).chosen((DOWN, 1))
    }

    /// From a page that takes a file: its first line, the first volume, the certificate behind the two lines that make something,
    /// an empty one and the folder, and then the line that commits.
    fn file(self, commit_at: usize) -> Pages {
        self.all_chosen([(DOWN, 0), (DOWN, 0), (DOWN, 4), (DOWN, commit_at)])
    }

    /// From Custom Secure Boot Options: DB Options, Enroll Signature. Back on the same page at the end.
    fn with_db(self) -> Pages {
        self.all_chosen([(DOWN, 2), (DOWN, 0)]).file(2)
    }

    /// From Custom Secure Boot Options at DB Options: PK Options, Enroll PK.
    fn with_pk(self) -> Pages {
        self.all_chosen([(UP, 2), (DOWN, 0)]).file(1)
    }
}

/// The story from power-on, by either way to the front page, up to a reset.
fn told(case: Case, told: impl Fn(Pages) -> Pages) -> Case {
    let listed = Pages { story: marked(BOARD, F2, 2), ready: READY_WIDE }.chosen((DOWN, 0));
    let front_page = Pages { story: typed(F2, READY), ready: READY };
    case.story(told(front_page).story.reset()).story_where(LISTS, told(listed).story.reset())
}

/// The case with what holds after the reset, whose lap was cut in setup. The views know the keys at power-on alone.
fn expecting(case: Case, attempts: Expectation, stores: [OnStore; 2]) -> Case {
    let attempts = attempts.after_cut_laps(1).without_views();
    let expectation = stores.into_iter().fold(attempts, Expectation::on_store);
    case.expect(expectation.clone().menu(&[])).expect_where(LISTS, expectation.menu(&["first", "second", SETUP]))
}

/// What is not signed is refused, and what the certificate's key has signed runs. In the negative control the file is another's
/// certificate.
fn certificate() -> Case {
    let case = told(case("certificate"), |front_page| front_page.options().with_db().with_pk())
        .machine(machine(PROGRAM, Signer::Own))
        .control(machine(PROGRAM, Signer::Other));
    let stores = [OnStore::Holds("db".to_owned()), OnStore::Holds("PK".to_owned())];
    expecting(case, Expectation::attempts([refused("first"), booted("second")]), stores)
}

/// Without a platform key nothing is in force, whatever db holds. In the negative control the first program is where no firmware looks.
fn db_alone() -> Case {
    let case = told(case("db-alone"), |front_page| front_page.options().with_db())
        .machine(machine(PROGRAM, Signer::Own))
        .control(machine("EFI/BOOT/ELSEWHERE.EFI", Signer::Own));
    let stores = [OnStore::Holds("db".to_owned()), OnStore::Lacks("PK".to_owned())];
    expecting(case, Expectation::boots("first").without_trying("second"), stores)
}
