use super::*;
use crate::guest::{libvirt, network};

fn data(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/libvirt").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn guest(name: &str) -> Guest {
    libvirt::read(name, &data(name), &[]).unwrap()
}

fn words(warnings: &[Warning]) -> Vec<&str> {
    warnings.iter().map(|warning| warning.word).collect()
}

#[test]
fn a_guest_by_classes_with_an_unselected_disk_behind_its_network_is_warned_of_both() {
    let warnings = of_guest(&guest("d1.xml"));
    assert_eq!(words(&warnings), ["unselected-disk", "first-of-class", "first-of-class"]);
    assert!(warnings[0].to_string().starts_with("d1.xml:10: fda is not selected behind network boot: strict=on keeps"));
}

#[test]
fn a_guest_with_nothing_to_say_against_it_is_not_warned_of() {
    let xml = "<domain><os><type machine='pc'>hvm</type><bios rebootTimeout='0'/></os><devices>\
        <disk><source file='a'/><target dev='vda' bus='virtio'/><boot order='1'/></disk></devices></domain>";
    assert!(of_guest(&libvirt::read("a", xml, &[]).unwrap()).is_empty());
    assert!(
        of_network(&network::read("n2", &data("n2.xml")).unwrap()).iter().all(|warning| warning.word != "bridge-delay")
    );
}

#[test]
fn a_secure_boot_build_is_named_where_libvirt_chooses_it_and_where_it_is_asked_for() {
    assert!(words(&of_guest(&guest("d5q35.xml"))).contains(&"secure-boot-by-default"));
    assert!(!words(&of_guest(&guest("d5pc.xml"))).iter().any(|word| word.starts_with("secure-boot")));
    assert!(words(&of_guest(&guest("d2.xml"))).contains(&"secure-boot"));
    assert!(!words(&of_guest(&guest("d3.xml"))).iter().any(|word| word.starts_with("secure-boot")));
}

#[test]
fn two_guests_with_one_variable_store_and_a_path_that_is_not_there_are_named() {
    let one = guest("d2.xml");
    let other = Guest { name: "twin".to_owned(), file: "twin.xml".to_owned(), ..one.clone() };
    let shared = of_guests(&[one.clone(), other, guest("d3.xml")]);
    assert_eq!(words(&shared), ["shared-variables"]);
    assert_eq!(shared[0].place, ("twin.xml".to_owned(), 3));
    let files = of_files(&one, "debian:trixie", |path| path.ends_with("VARS_4M.fd"));
    assert_eq!(words(&files), ["missing-firmware"]);
    assert_eq!(words(&of_files(&one, "host", |_| true)), ["fixed-firmware-path"]);
}

#[test]
fn a_variable_store_that_nothing_makes_is_named_where_no_libvirt_makes_it() {
    use crate::guest::qemu;
    let line = "qemu-kvm -drive if=pflash,unit=0,file=/usr/share/OVMF/OVMF_CODE.fd -drive if=pflash,unit=1,file=/nvram/a_VARS.fd";
    let guest = qemu::read_text("line", line, &qemu::Reading::default()).unwrap();
    assert!(words(&of_guest(&guest)).contains(&"variables-of-one-guest"));
    let files = of_files(&guest, "host", |_| false);
    assert_eq!(words(&files), ["missing-firmware", "missing-firmware"]);
    assert!(files[1].words.contains("QEMU does not start without it"), "{}", files[1]);
    assert!(!words(&of_guest(&self::guest("d2.xml"))).contains(&"variables-of-one-guest"));
}

#[rstest::rstest]
#[case::a_drive("unit=1,readonly=on", "", Some("readonly=on"))]
#[case::for_this_start("unit=1,snapshot=on", "", Some("snapshot=on"))]
#[case::a_node(
    "",
    "-blockdev driver=file,filename=/v.fd,node-name=n,read-only=on -M q35,pflash1=n",
    Some("read-only=on")
)]
#[case::one_that_is_written("unit=1,readonly=off", "", None)]
fn variables_that_are_not_kept_are_named(#[case] drive: &str, #[case] more: &str, #[case] wanted: Option<&str>) {
    use crate::guest::qemu;
    let drive = if drive.is_empty() { String::new() } else { format!("-drive if=pflash,file=/v.fd,{drive}") };
    let line = format!("kvm -nodefaults -drive if=pflash,unit=0,file=OVMF_CODE.fd,readonly=on {drive} {more}");
    let warnings = of_guest(&qemu::read_text("line", &line, &qemu::Reading::default()).unwrap());
    let found = warnings.iter().find(|warning| warning.word == "variables-not-kept");
    assert_eq!(found.is_some(), wanted.is_some(), "{warnings:?}");
    assert!(found.is_none_or(|warning| warning.words.contains(wanted.unwrap_or_default())));
    assert_eq!(words(&warnings).contains(&"variables-of-one-guest"), wanted.is_none());
}

#[test]
fn what_the_firmware_of_a_guest_does_not_read_is_named_and_what_it_does_not_have_is_not_missed() {
    use crate::guest::qemu;
    let read = |line: &str| of_guest(&qemu::read_text("line", line, &qemu::Reading::default()).unwrap());
    let uefi = read("kvm -nodefaults -bios OVMF.fd -boot order=d,once=n,reboot-timeout=5");
    assert_eq!(words(&uefi)[..3], ["reboot-timeout", "order-by-class", "order-by-class"], "{uefi:?}");
    assert_eq!(words(&read("kvm -nodefaults -boot order=d,once=n,reboot-timeout=5")), [""; 0]);
    assert_eq!(words(&read("qemu-system-s390x -nodefaults")), [""; 0], "s390-ccw has no reboot timeout");
    let arm = "qemu-system-aarch64 -M virt -nodefaults -drive if=none,id=d,file=a -device ahci,id=s -device ide-hd,bus=s.0,drive=d";
    assert!(words(&read(arm)).contains(&"unseen-place"));
}

#[test]
fn a_bridge_that_outlasts_the_client_and_a_program_for_other_firmware_are_named() {
    let warnings = of_network(&network::read("n1.xml", &data("n1.xml")).unwrap());
    assert_eq!(words(&warnings)[..3], ["bridge-delay", "wrong-program", "wrong-program"]);
    assert!(warnings[0].words.contains("for 30 s"), "{}", warnings[0]);
}

#[rstest::rstest]
#[case::itself_again("dhcp-boot=tag:!ipxe,tag:efi,ipxe.efi", "dhcp-boot=tag:ipxe,tag:bios,menu.ipxe", 1)]
#[case::a_script_for_both("dhcp-boot=tag:!ipxe,tag:efi,ipxe.efi", "dhcp-boot=tag:ipxe,menu.ipxe", 0)]
fn a_program_that_is_given_to_itself_is_named(#[case] first: &str, #[case] then: &str, #[case] wanted: usize) {
    let rules = format!(
        "dhcp-range=10.0.0.5,10.0.0.9,255.255.255.0\ndhcp-match=set:efi,option:client-arch,7\ndhcp-match=set:bios,option:client-arch,0\n\
         dhcp-userclass=set:ipxe,iPXE\n{first}\n{then}\ndhcp-boot=tag:ipxe,tag:efi,{}\n",
        if wanted == 1 { "ipxe.efi" } else { "menu.ipxe" }
    );
    let warnings = of_network(&network::of_server("a", &rules).unwrap());
    let named: Vec<&Warning> = warnings.iter().filter(|warning| warning.word == "loads-itself").collect();
    assert_eq!(named.len(), wanted, "{warnings:?}");
    assert!(named.iter().all(|warning| warning.words.contains("architecture 7 (UEFI x64 by PXE) that say iPXE")));
}

#[test]
fn a_server_that_our_network_cannot_do_is_told() {
    let network = network::of_server("a", "dhcp-range=192.168.0.0,proxy\npxe-service=x86PC,a,b.0\n").unwrap();
    assert!(words(&of_network(&network)).contains(&"not-applied"));
}

#[rstest::rstest]
#[case::of_x86("kvm -M q35 -bios OVMF.fd", ["BOOTX64.EFI", "replace -bios", "OVMF_CODE", "OVMF_VARS"])]
#[case::of_arm("qemu-system-aarch64 -M virt -bios QEMU_EFI.fd", ["BOOTAA64.EFI", "replace -bios", "AAVMF_CODE", "AAVMF_VARS"])]
#[case::of_flash(
    "qemu-system-aarch64 -M virt -drive if=pflash,file=AAVMF_CODE.fd",
    ["BOOTAA64.EFI", "add -drive if=pflash,unit=1", "a copy of", "AAVMF_VARS"]
)]
fn how_variables_are_given_follows_from_how_the_code_is(#[case] line: &str, #[case] wanted: [&str; 4]) {
    use crate::guest::qemu;
    let disks = "-drive if=none,id=a,file=a -drive if=none,id=b,file=b -device virtio-blk-pci,drive=a,bootindex=1 \
                 -device virtio-blk-pci,drive=b";
    let line = format!("{line} -nodefaults {disks}");
    let warnings = of_guest(&qemu::read_text("line", &line, &qemu::Reading::default()).unwrap());
    let words = |word: &str| warnings.iter().find(|warning| warning.word == word).unwrap().words.clone();
    assert!(wanted.iter().all(|wanted| words("no-variables").contains(wanted)), "{}", words("no-variables"));
    let name = wanted[3].trim_end_matches("_VARS");
    assert!(words("unselected-disk").contains(&format!("{name} takes its boot options")), "{warnings:?}");
}

#[test]
fn a_line_of_qemu_is_not_told_what_libvirt_reads() {
    use crate::guest::qemu;
    let line = |path: &str| {
        let line = format!("kvm -nodefaults -drive if=pflash,unit=0,readonly=on,file={path}OVMF_CODE.fd");
        qemu::read_text("line", &line, &qemu::Reading::default()).unwrap()
    };
    for has in [true, false] {
        let [warning] = &of_files(&line("/usr/share/OVMF/"), "host", |_| has)[..] else { panic!("one") };
        assert!(warning.words.contains("give QEMU the path") && !warning.words.contains("<os"), "{warning}");
    }
    // what lies beside the text is no distribution's
    assert_eq!(of_files(&line(""), "host", |_| true), []);
    assert!(of_files(&guest("d2.xml"), "host", |_| false)[0].words.contains("<os firmware='efi'>"));
}

#[test]
fn variables_that_a_package_brings_and_those_that_are_nowhere_are_named() {
    use crate::guest::qemu;
    let warned = |variables: &str| {
        let line = format!("qemu-kvm -drive if=pflash,unit=0,file=/usr/share/OVMF/OVMF_CODE.fd {variables}");
        of_guest(&qemu::read_text("line", &line, &qemu::Reading::default()).unwrap())
    };
    assert!(words(&warned("")).contains(&"no-variables"));
    let template = warned("-drive if=pflash,unit=1,file=/usr/share/OVMF/OVMF_VARS.fd");
    assert!(
        words(&template).contains(&"variables-are-the-template")
            && !words(&template).contains(&"variables-of-one-guest")
    );
    let own = warned("-drive if=pflash,unit=1,file=/nvram/a.fd");
    assert!(!words(&own).iter().any(|word| ["no-variables", "variables-are-the-template"].contains(word)), "{own:?}");
    let xml = "<domain><os><type machine='q35'>hvm</type><loader type='pflash'>/x</loader>\
               <nvram>/usr/share/edk2/ovmf/OVMF_VARS.fd</nvram></os><devices/></domain>";
    assert!(words(&of_guest(&libvirt::read("a", xml, &[]).unwrap())).contains(&"variables-are-the-template"));
}

#[test]
fn a_name_in_the_order_that_no_device_has_is_told() {
    use crate::guest::qemu;
    let text = "bios: ovmf\nboot: order=ide0\nsata0: local:1\nefidisk0: local:2\n";
    let warnings = of_guest(&qemu::read_text("100.conf", text, &qemu::Reading::default()).unwrap());
    let found = warnings.iter().find(|warning| warning.word == "no-such-device").unwrap();
    assert!(found.place.1 == 2 && found.words.contains("nothing else is in the order"), "{found}");
}

#[test]
fn a_program_for_another_processor_is_named_for_each_architecture_that_is_given_it() {
    let rule = |arch: u16, file: &str| {
        format!(
            "<o:option value='dhcp-match=set:a{arch},option:client-arch,{arch}'/><o:option value='dhcp-boot=tag:a{arch},{file}'/>"
        )
    };
    let network = |rules: String| {
        let xml = format!(
            "<network xmlns:o='http://libvirt.org/schemas/network/dnsmasq/1.0'><ip address='192.168.122.1' netmask='255.255.255.0'>\
             <dhcp><range start='192.168.122.2' end='192.168.122.9'/></dhcp></ip><o:options>{rules}</o:options></network>"
        );
        of_network(&network::read("n", &xml).unwrap())
    };
    let swapped = network(rule(7, "grubaa64.efi") + &rule(11, "grubx64.efi"));
    assert_eq!(words(&swapped), ["wrong-program", "wrong-program"]);
    assert!(swapped.iter().all(|warning| warning.words.ends_with("for another processor")), "{swapped:?}");
    assert!(network(rule(7, "grubx64.efi") + &rule(11, "grubaa64.efi")).is_empty());
    // HTTP clients of Arm want HTTPClient as those of x64 do
    let without = network(rule(19, "http://192.168.122.1/boot.efi"));
    assert_eq!(words(&without).first(), Some(&"no-http-class"));
}

#[test]
fn a_disk_that_is_plugged_in_before_cont_without_a_reset_is_named() {
    use crate::guest::{hmp, qemu};
    let plug = "drive_add 0 file=a,if=none,id=d\ndevice_add virtio-blk-pci,drive=d,id=a,bootindex=1\n";
    let typed = |end: &str| {
        let commands = hmp::read("typed", &format!("{plug}{end}")).unwrap();
        let reading = qemu::Reading { typed: ("typed", &commands), ..qemu::Reading::default() };
        of_guest(&qemu::read_text("line", "qemu-kvm -S -boot reboot-timeout=0", &reading).unwrap())
    };
    assert_eq!(words(&typed("cont\n")), ["stale-boot-order"]);
    assert!(typed("system_reset\ncont\n").is_empty());
}

#[rstest::rstest]
#[case::bios_without_rom("", "virtio", "<rom enabled='no'/>", Some("its option ROM is switched off"))]
#[case::bios_without_bar("", "virtio", "<rom bar='off'/>", Some("its option ROM is switched off"))]
#[case::uefi_drives_virtio_itself(" firmware='efi'", "virtio", "<rom enabled='no'/>", None)]
#[case::uefi_needs_the_rom(" firmware='efi'", "e1000e", "<rom enabled='no'/>", Some("its option ROM is switched off"))]
#[case::no_rom_at_all("", "igb", "", Some("QEMU brings no option ROM for igb"))]
#[case::nothing_drives_it(" firmware='efi'", "i82551", "", Some("drives i82551 under UEFI"))]
#[case::with_a_rom_of_its_own("", "igb", "<rom file='/x.rom'/>", None)]
#[case::with_its_rom("", "e1000", "", None)]
fn a_selected_card_that_nothing_boots_from_is_named(
    #[case] firmware: &str,
    #[case] model: &str,
    #[case] rom: &str,
    #[case] wanted: Option<&str>,
) {
    let xml = format!(
        "<domain><os{firmware}><type machine='q35'>hvm</type></os><devices><interface type='user'>\
         <model type='{model}'/><boot order='1'/>{rom}</interface></devices></domain>"
    );
    let warnings = of_guest(&libvirt::read("a", &xml, &[]).unwrap());
    let found = warnings.iter().find(|warning| warning.word == "no-rom");
    assert_eq!(found.is_some(), wanted.is_some(), "{warnings:?}");
    assert!(found.is_none_or(|found| found.words.contains(wanted.unwrap_or_default())), "{found:?}");
}

#[test]
fn a_namespace_with_a_rank_is_named_and_one_without_is_not() {
    use crate::guest::qemu;
    let warned = |rank: &str| {
        let line =
            format!("kvm -nodefaults -drive if=none,id=d,file=a -device nvme,serial=x -device nvme-ns,drive=d{rank}");
        let guest = qemu::read_text("line", &line, &qemu::Reading::default()).unwrap();
        words(&of_guest(&guest)).contains(&"nvme-namespace")
    };
    assert!(warned(",bootindex=1") && !warned(""));
}

#[test]
fn a_function_of_a_slot_without_one_at_0_is_warned_of() {
    let read = |line: &str| {
        let guest = crate::guest::qemu::read_text("line", line, &crate::guest::qemu::Reading::default()).unwrap();
        let warnings = of_guest(&guest).into_iter().filter(|warning| warning.word == "unseen-place");
        warnings.map(|warning| warning.words).collect::<Vec<_>>()
    };
    let disk = "-drive if=none,id=a,file=a -device virtio-blk-pci,drive=a";
    let alone = read(&format!("kvm -nodefaults {disk},addr=5.1"));
    assert!(alone[0].starts_with("a is at function 1 of PCI slot 0x5, which has none at 0"), "{alone:?}");
    for seen in [
        "kvm -nodefaults -device virtio-balloon,addr=5,multifunction=on",
        "kvm -nodefaults -device e1000,addr=5,multifunction=on",
    ] {
        assert!(read(&format!("{seen} {disk},addr=5.1")).is_empty());
    }
    assert!(read(&format!("kvm -nodefaults {disk},addr=1.5")).is_empty(), "PIIX3 is at 0");
    let domain = |others: &str| {
        let disk = "<disk><source file='a'/><target dev='vda' bus='virtio'/><boot order='1'/>\
            <address type='pci' bus='0x00' slot='0x05' function='0x1'/></disk>";
        let xml = format!("<domain><os><type machine='pc'>hvm</type></os><devices>{disk}{others}</devices></domain>");
        let warnings = of_guest(&libvirt::read("a", &xml, &[]).unwrap());
        warnings.iter().filter(|warning| warning.word == "unseen-place").count()
    };
    let rng = "<rng model='virtio'><backend model='random'/>\
        <address type='pci' bus='0x00' slot='0x05' function='0x0' multifunction='on'/></rng>";
    assert_eq!((domain(""), domain(rng)), (1, 0));
}
