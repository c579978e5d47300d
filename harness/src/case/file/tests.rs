use super::*;
use crate::case::story::{Step, Story};
use crate::machine::{Board, Firmware, Machine, Medium, Network, Tpm};
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
    for format in [Format::Json, Format::Toml] {
        let text = write(&case(), format).unwrap();
        assert_eq!(read(&text, format, "a").unwrap(), case(), "{text}");
    }
}

#[test]
fn a_machine_with_a_tpm_neither_moves_nor_returns_and_has_the_way_that_its_board_has() {
    let machine = Machine::q35(Firmware::Ovmf).virtio_blk(Medium::bootable("disk")).bootindex(1).tpm(Tpm::Crb);
    let with = |machine: Machine, story: Story| {
        let case = Case::new("mine::tpm").machine(machine).story(story).expect(Expectation::boots("disk"));
        super::check::check(&case).map_err(|wrong| wrong.problem)
    };
    assert_eq!(with(machine.clone(), Story::new().reset()), Ok(()));
    let refused = with(machine.clone(), Story::new().reset().snapshot("a")).unwrap_err();
    assert!(refused.ends_with("or a machine without a TPM, whose state stays where it is"), "{refused}");
    let mut virt = machine;
    (virt.board, virt.firmware) = (Board::Virt, Firmware::Aavmf);
    assert!(with(virt, Story::new()).unwrap_err().contains("virt has no TPM by crb: wanted tis"));
}

#[test]
fn bytes_are_written_as_hexadecimal() {
    assert!(serde_json::to_string(&case()).unwrap().contains(r#""odd.bin":{"hex":"00ff"}"#));
}

#[test]
fn a_case_of_a_file_has_its_axes_and_says_where_it_is_written() {
    let text = "id = \"a\"\nexpectation = { ending = \"nothing-bootable\" }\n[machine]\n\
                firmware = \"seabios\"\nboard = \"q35\"\nexpectation = 1\n";
    let text = text.replace("expectation = 1\n", "").replace("ending", "attempts = [], ending");
    let case = read(&text, Format::of(Path::new("x/a.toml")), "x/a.toml").unwrap();
    assert_eq!(case.machine, Machine::q35(Firmware::SeaBios));
    assert_eq!((case.axes["machine"].as_str(), case.source.to_string().as_str()), ("q35", "x/a.toml:1"));
}

/// A case of two disks, with one line of it replaced.
fn file(line: usize, instead: &str) -> String {
    const LINES: [&str; 16] = [
        "id = \"mine::two-disks\"",
        "control = \"without-bootindex\"",
        "story = []",
        "[machine]",
        "firmware = \"seabios\"",
        "board = \"q35\"",
        "[[machine.devices]]",
        "class = \"virtio-blk\"",
        "medium = { name = \"wrong\" }",
        "[[machine.devices]]",
        "class = \"ahci\"",
        "medium = { name = \"right\" }",
        "bootindex = 1",
        "[expectation]",
        "attempts = [{ booted = \"right\" }]",
        "never = [\"wrong\"]",
    ];
    let mut lines = LINES.to_vec();
    if line > 0 {
        lines[line - 1] = instead;
    }
    lines.join("\n") + "\n"
}

fn read_bytes(name: &str, bytes: &[u8]) -> Result<Case, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    read_file(&path).map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

#[test]
fn the_file_of_which_the_others_are_bad_variants_is_good() {
    let case = read_bytes("a.toml", file(0, "").as_bytes()).unwrap();
    assert_eq!((case.machine.devices.len(), case.is_vacuous()), (2, false));
}

#[rstest::rstest]
#[case::unknown_key(5, "firmwear = \"seabios\"", "a.toml:5:1: unknown field `firmwear`, expected one of `firmware`")]
#[case::wrong_type(13, "bootindex = \"first\"", "a.toml:13:13: invalid type: string \"first\"")]
#[case::firmware_of_another_board(
    6,
    "board = \"virt\"",
    "a.toml:5:12: firmware seabios does not run on board virt: wanted aavmf"
)]
#[case::board_of_other_firmware(
    5,
    "firmware = \"aavmf\"",
    "a.toml:5:12: firmware aavmf does not run on board q35: wanted seabios or ovmf"
)]
#[case::ram(
    6,
    "board = \"pc\"\nram-mib = \"512M\"",
    "a.toml:7:11: invalid type: string \"512M\", expected a whole number from 0 to 4294967295"
)]
#[case::negative(
    6,
    "board = \"pc\"\nram-mib = -5",
    "a.toml:7:11: invalid value: integer `-5`, expected a whole number from 0 to"
)]
#[case::no_such_firmware(5, "firmware = \"coreboot\"", "a.toml:5:12: unknown variant `coreboot`")]
#[case::unknown_class(8, "class = \"virtio-blc\"", "a.toml:8:9: no class of drive is called \"virtio-blc\"; there are")]
#[case::unknown_place(11, "class = { ahci = { prot = 1 } }", "a.toml:11:20: unknown field `prot`")]
#[case::unknown_image(
    12,
    "medium = { name = \"right\", image = \"dvd\" }",
    "a.toml:12:36: no image is called \"dvd\"; there are disk"
)]
#[case::impossible_place(11, "class = { ahci = { port = 9 } }", "a.toml:10:1: device 1: ")]
#[case::not_on_board(11, "class = \"ide\"", "a.toml:10:1: device 1: a PIIX3 IDE controller does not exist on q35")]
#[case::equal_names(12, "medium = { name = \"wrong\" }", "a.toml:10:1: medium \"wrong\" is in the machine twice")]
#[case::bad_name(12, "medium = { name = \"../right\" }", "a.toml:12:10: ")]
#[case::no_such_medium(
    15,
    "attempts = [{ booted = \"left\" }]",
    "a.toml:15:13: no medium is called \"left\"; the machine has"
)]
#[case::never_there(16, "never = [\"right\", \"other\"]", "a.toml:16:19: no medium is called \"other\"")]
#[case::no_outcome(15, "attempts = [{}]", "a.toml:15:12: an attempt without an outcome")]
#[case::ending(
    15,
    "attempts = [{ failed = \"right\" }]",
    "a.toml:14:1: ending \"boots\" (the default), but the last attempt"
)]
#[case::paused_for_good(
    6,
    "board = \"pc\"\npaused = true",
    "a.toml:7:10: the machine is powered on paused and no cont"
)]
#[case::never_and_tried(
    16,
    "never = [\"right\"]",
    "a.toml:16:10: \"right\" must never be tried, and attempt 1 is on it"
)]
#[case::boots_and_nothing(
    16,
    "ending = \"nothing-bootable\"",
    "a.toml:16:10: ending \"nothing-bootable\", but the last"
)]
#[case::no_lap(16, "ending = { laps = 0 }", "a.toml:16:10: an end after 0 laps: wanted 1 or more")]
#[case::plugged_already(
    3,
    "story = [{ plug = { device = \"right\" } }]",
    "a.toml:3:10: plug \"right\": the device is plugged in already"
)]
#[case::step(
    3,
    "story = [{ plug = { device = \"x\" } }]",
    "a.toml:3:10: no device is called \"x\"; the machine has \"wrong\""
)]
#[case::unknown_step(3, "story = [\"explode\"]", "a.toml:3:10: unknown variant `explode`")]
#[case::vacuous(
    2,
    "control = { blank = \"nobody\" }",
    "a.toml:2:11: the negative control is the machine itself: wanted one without the cause of what is expected; blank takes one of \"wrong\", \"right\""
)]
#[case::id(1, "id = \"../../etc/passwd\"", "a.toml:1:6: id \"../../etc/passwd\": wanted words of letters")]
#[case::control_id(1, "id = \"control::a\"", "a.toml:1:6: id \"control::a\": control:: begins")]
#[case::twice(6, "firmware = \"ovmf\"", "a.toml:6:1: duplicate key")]
#[case::no_toml(4, "[machine", "a.toml:4:9: ")]
#[case::missing(14, "[expectation2]", "a.toml:14:2: unknown field `expectation2`")]
fn a_bad_file_has_one_error_with_line_and_column(#[case] line: usize, #[case] instead: &str, #[case] words: &str) {
    let error = read_bytes("a.toml", file(line, instead).as_bytes()).unwrap_err();
    assert!(error.starts_with(words), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[rstest::rstest]
#[case::empty("a.toml", b"".to_vec(), "a.toml:1:1: missing field `id`")]
#[case::not_text("a.toml", b"id = \"a\"\nabout = \"\xff\"".to_vec(), "a.toml:2:10: not UTF-8: byte 0xff")]
#[case::long("a.toml", vec![b'#'; 100 << 20], "a.toml: longer than 1048576 bytes, which no case is")]
#[case::deep_toml("a.toml", [b"id = ".to_vec(), vec![b'['; 100_000]].concat(), "a.toml:1:")]
#[case::deep_json("a.json", vec![b'['; 100_000], "a.json:1:")]
#[case::deep_rules("a.json", [br#"{"id": "#.to_vec(), br#"{"a":"#.repeat(100_000)].concat(), "a.json:1:")]
#[case::json_key("a.json", b"{\n  \"id\": \"a\",\n  \"machin\": {}\n}".to_vec(), "a.json:3:10: unknown field `machin`")]
#[case::a_list("a.json", b"[]".to_vec(), "a.json:1:2: invalid type: sequence, expected a table with id, machine and expectation")]
#[case::null("a.json", b"null".to_vec(), "a.json:1:4: invalid type: null, expected a table with id, machine and expectation")]
#[case::no_machine("a.json", br#"{"machine":[]}"#.to_vec(), "a.json:1:13: invalid type: sequence, expected a table")]
#[case::zeros("a.json", vec![0; 4096], "a.json:1:1: ")]
#[case::an_elf("a.toml", b"\x7fELF\x02\x01\x01\x00\x00".to_vec(), "a.toml:1:")]
fn what_is_no_case_at_all_is_refused_in_one_line(#[case] name: &str, #[case] bytes: Vec<u8>, #[case] words: &str) {
    let error = read_bytes(name, &bytes).unwrap_err();
    assert!(error.starts_with(words), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.len() < 2000, "{} bytes", error.len());
}

#[test]
fn what_is_wrong_with_a_json_case_is_placed_too() {
    let json = "{\"id\": \"a\",\n \"machine\": {\"firmware\": \"seabios\", \"board\": \"pc\",\n  \"devices\": [{\"class\": \"nvme\",\n\
                    \"medium\": {\"name\": \"A B\"}}]},\n \"expectation\": {\"attempts\": [], \"ending\": \"nothing-bootable\"}}";
    assert!(read_bytes("a.json", json.as_bytes()).unwrap_err().starts_with("a.json:4:11: "));
}

#[test]
fn paths_that_are_no_file_are_refused_and_folders_are_read_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let all = |path: &Path| read_all(&[path.to_owned()]).map_err(|error| crate::error::chain(&error));
    assert!(all(folder.path()).unwrap_err().contains("a folder without a case file; wanted a case file"));
    let one = read_file(folder.path()).unwrap_err().to_string();
    assert!(one.ends_with(": a folder; wanted one case file (.toml or .json)"), "{one}");
    assert!(all(&folder.path().join("no")).unwrap_err().contains("no: No such file"));
    assert!(all(Path::new("/dev/zero")).unwrap_err().contains("neither a file nor a folder"));
    for (name, id) in [("b.toml", "mine::b"), ("a.toml", "mine::a"), ("notes.txt", "")] {
        std::fs::write(folder.path().join(name), file(1, &format!("id = \"{id}\""))).unwrap();
    }
    let ids: Vec<String> = all(folder.path()).unwrap().into_iter().map(|case| case.id).collect();
    assert_eq!(ids, ["mine::a", "mine::b"]);
    std::fs::write(folder.path().join("c.toml"), file(1, "id = \"mine::a\"")).unwrap();
    let error = all(folder.path()).unwrap_err();
    assert!(
        error.contains("c.toml: its id \"mine::a\" is that of ") && error.contains("a.toml; give every"),
        "{error}"
    );
}

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap()
}

#[test]
fn every_example_of_the_page_is_a_case_that_could_run() {
    let page = page("case-files.md");
    let examples = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut count = 0;
    for example in examples {
        let case = read_bytes("example.toml", example.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{example}"));
        assert_ne!(case.id, "");
        count += 1;
    }
    assert!(count >= 4, "{count}");
}

#[test]
fn the_page_of_the_schema_is_the_schema_of_the_types() {
    let written: serde_json::Value = serde_json::from_str(&page("case.schema.json")).unwrap();
    if written != schema() {
        let now = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/case.schema.json");
        std::fs::write(&now, format!("{:#}\n", schema())).unwrap();
        panic!(
            "the types have another schema, which is in {} now: cargo xtask case schema > docs/case.schema.json",
            now.display()
        );
    }
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let holds = |case: &str| validator.is_valid(&toml::from_str::<serde_json::Value>(case).unwrap());
    let whole = write(&case(), Format::Json).unwrap();
    assert!(validator.is_valid(&serde_json::from_str(&whole).unwrap()), "{whole}");
    assert!(holds(&file(0, "")));
    for (line, instead) in [(5, "firmwear = \"seabios\""), (8, "class = \"virtio-blc\""), (13, "bootindex = \"first\"")]
    {
        assert!(!holds(&file(line, instead)), "{instead}");
    }
}

#[test]
fn only_a_medium_in_an_optical_drive_can_be_ejected() {
    let machine = Machine::pc(Firmware::SeaBios).virtio_blk(Medium::hanging("disk"));
    let machine = machine.drive(crate::machine::DiskClass::IdeCd, 0, Medium::hanging("cd"));
    let eject = |device: &str| {
        let story = Story::new().wait_for(device).eject(device).reset();
        check(&Case::new("a::b").machine(machine.clone()).story(story).expect(Expectation::boots("disk")))
    };
    assert_eq!(eject("cd"), Ok(()));
    let wrong = eject("disk").unwrap_err();
    assert_eq!(wrong.place, [Key::from("story"), 1.into()]);
    assert!(wrong.problem.starts_with("\"disk\" is no medium in an optical drive"), "{}", wrong.problem);
    let mut refused = Story::new().eject("disk");
    refused.steps[0] = Step::Refused { step: Box::new(refused.steps[0].clone()), words: Vec::new() };
    let case = Case::new("a::b").machine(machine).story(refused).expect(Expectation::boots("disk"));
    assert!(check(&case).is_err_and(|wrong| wrong.problem.starts_with("\"disk\" is no medium")));
}

#[test]
fn only_the_medium_of_an_absent_optical_drive_can_be_put_into_one() {
    use crate::machine::DiskClass::{AhciCd, VirtioBlk};
    let machine = Machine::q35(Firmware::SeaBios).drive(AhciCd, 0, Medium::hanging("cd"));
    let machine = machine.drive(AhciCd, 1, Medium::bootable("beside")).absent();
    let machine = machine.drive(AhciCd, 2, Medium::bootable("in-a-drive"));
    let machine = machine.drive(VirtioBlk, 0, Medium::bootable("disk")).absent();
    let insert = |device: &str, medium: &str| {
        let story = Story::new().wait_for("cd").insert(device, medium).reset();
        check(&Case::new("a::b").machine(machine.clone()).story(story).expect(Expectation::boots(medium)))
    };
    assert_eq!(insert("cd", "beside"), Ok(()));
    let story = Story::new().wait_for("cd").insert("cd", "beside").insert("beside", "cd").reset();
    let back = Case::new("a::b").machine(machine.clone()).story(story).expect(Expectation::boots("cd"));
    assert_eq!(check(&back), Ok(()));
    for (device, medium) in [("beside", "cd"), ("cd", "in-a-drive"), ("cd", "disk"), ("disk", "beside")] {
        let wrong = insert(device, medium).unwrap_err();
        assert_eq!(wrong.place, [Key::from("story"), 1.into()]);
        assert!(wrong.problem.contains("optical drive: wanted"), "{}", wrong.problem);
    }
}

/// What is wrong with these boot variables of a machine with one installed disk.
fn wrong_boot(boot: crate::machine::BootVariables) -> Option<String> {
    use crate::machine::VariableStore;
    let machine = Machine::q35(Firmware::Ovmf).virtio_blk(Medium::installed("root", r"\EFI\debian\grubx64.efi"));
    let machine = machine.virtio_blk(Medium::blank("data"));
    let case = Case::new("a::b")
        .machine(machine.variable_store(VariableStore::holding(boot)))
        .expect(Expectation::boots("root"));
    check(&case).err().map(|wrong| wrong.problem)
}

#[test]
fn a_story_for_other_firmware_is_held_against_the_machine_too() {
    use crate::case::story::Story;
    use crate::verdict::behaviour::Behaviour;
    let behaviour = Behaviour::KeyOpensBootManagerMenu;
    let of = |device: &str| {
        let machine = Machine::pc(Firmware::Ovmf).virtio_blk(Medium::bootable("root"));
        let case = Case::new("a::b").machine(machine).expect(Expectation::boots("root"));
        check(&case.story_where(behaviour, Story::new().unplug(device))).err().map(|wrong| wrong.problem)
    };
    assert_eq!(of("root"), None);
    assert_eq!(of("gone").as_deref(), Some("no device is called \"gone\"; the machine has \"root\""));
}

#[test]
fn boot_variables_that_name_nothing_of_the_machine_are_refused() {
    use crate::machine::{Access, BootVariables, OptionTarget, VariableStore};
    let one = |target: OptionTarget| BootVariables::new().option(1, "a", target).order(&[1]);
    let file = || OptionTarget::file("elsewhere", r"\a.efi");
    assert_eq!(wrong_boot(one(file())), None);
    let words = "no device is called \"gone\"; the machine has \"root\", \"data\"";
    assert_eq!(wrong_boot(one(OptionTarget::device("gone"))).as_deref(), Some(words));
    assert!(wrong_boot(one(OptionTarget::full_path("gone", r"\a.efi"))).is_some());
    assert_eq!(wrong_boot(one(OptionTarget::pxe("gone"))).as_deref(), Some(words));
    assert_eq!(
        wrong_boot(one(OptionTarget::http("data"))).as_deref(),
        Some("\"data\" is no NIC: wanted one to boot over")
    );
    assert!(wrong_boot(one(OptionTarget::Raw("7ff".to_owned()))).is_some_and(|what| what.contains("hexadecimal")));
    assert!(wrong_boot(one(file()).option(1, "b", file())).is_some_and(|what| what.starts_with("a second option")));
    assert!(wrong_boot(one(file()).order(&[])).is_some_and(|what| what.starts_with("an empty order")));
    for path in ["a.efi", r"\", r"\EFI\\a.efi", "/EFI/a.efi", ""] {
        let what = wrong_boot(one(OptionTarget::file("elsewhere", path)));
        assert!(what.is_some_and(|what| what.contains("from the root of its partition")), "{path}");
    }
    let words = "medium \"data\" has no EFI system partition: wanted one with a file system";
    assert_eq!(wrong_boot(one(OptionTarget::file("data", r"\a.efi"))).as_deref(), Some(words));
    let umlaut = BootVariables::new().option(1, "Gr\u{fc}b", file());
    assert!(wrong_boot(umlaut).is_some_and(|what| what.contains("printable ASCII")));
    let mut absent = case();
    absent.machine.variable_store = VariableStore { access: Access::Absent, ..VariableStore::holding(one(file())) };
    absent.machine.firmware = Firmware::Ovmf;
    assert!(check(&absent).is_err_and(|wrong| wrong.problem.contains("has no variable store")));
    let mut bios = case();
    bios.machine = Machine::pc(Firmware::SeaBios).variable_store(VariableStore::holding(one(file())));
    assert!(check(&bios).is_err_and(|wrong| wrong.problem.contains("SeaBIOS has none")));
}
