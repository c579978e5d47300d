//! `cargo xtask explain` where it must refuse: one clear error, exit status 2, nothing written. And what it says without a boot.

mod refusal;

use std::fs;
use std::path::Path;
use std::process::Output;

use refusal::Refused;

fn explain(folder: &Path, arguments: &[&str]) -> Output {
    refusal::run("explain", folder, arguments)
}

fn domain(os: &str, devices: &str) -> String {
    format!("<domain type='kvm'><name>a</name><os>{os}</os>\n<devices>{devices}</devices></domain>")
}

/// What lies around.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    let (hvm, order) = ("<type>hvm</type>", "<boot order='1'/>");
    let disk =
        |name: &str, more: &str| format!("<disk><source file='/x'/><target dev='{name}' bus='virtio'/>{more}</disk>\n");
    put("good.xml", &domain(hvm, &disk("vda", order)));
    put("open.xml", "<domain>\n  <name>a</name>");
    put("laughs.xml", "<!DOCTYPE n [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]>\n<domain><name>&b;</name></domain>");
    put("deep.xml", &format!("<domain>{}", "<a>".repeat(10_000)));
    put("long.xml", &format!("<domain>{}</domain>", "<!-- x -->".repeat(500_000)));
    put("element.xml", &domain(hvm, "<frobnicator/>"));
    put("in-a-disk.xml", &domain(hvm, &disk("vda", "<wibble/>")));
    put("both-kinds.xml", &domain("<type>hvm</type><boot dev='hd'/>", &disk("vda", order)));
    put("one-order-twice.xml", &domain(hvm, &(disk("vda", order) + &disk("vdb", order))));
    put("order-0.xml", &domain(hvm, &disk("vda", "<boot order='0'/>")));
    put("one-target-twice.xml", &domain(hvm, &disk("vda", "").repeat(2)));
    put("bus.xml", &domain(hvm, &disk("vda", "").replace("virtio", "foo")));
    put("class.xml", &domain("<type>hvm</type><boot dev='tape'/>", ""));
    put("pool.xml", "<pool type='dir'/>");
    put("no-os.xml", "<domain type='kvm'><name>a</name></domain>");
    put("xen.xml", "<domain type='xen'><name>a</name><os><type>linux</type></os></domain>");
    put("workstation.xml", &domain("<type arch='sparc64' machine='sun4u'>hvm</type>", &disk("vda", order)));
    put("silent-net.xml", "<network><name>n</name></network>");
    put("hosts-net.xml", "<network><name>h</name><forward mode='bridge'/><bridge name='br0'/></network>");
    put("delay-net.xml", "<network><name>n</name><bridge delay='long'/></network>");
    put("empty.xml", "\n");
    fs::write(folder.path().join("bytes.xml"), [b'<', 0xff, 0xfe]).expect("written");
    put("words.txt", "hello world");
    put("quote.txt", "qemu-system-x86_64 -name 'a");
    put("no-drive.txt", "qemu-system-x86_64 -device virtio-blk-pci,drive=nowhere");
    let twice = "-drive if=none,id=X,file=f -device virtio-blk-pci,drive=X,bootindex=1";
    put("rank.txt", &format!("kvm {} {}", twice.replace('X', "a"), twice.replace('X', "b")));
    put("typed.txt", "device_add\n");
    let card = "\\\n  -device e1000,addr=3,id=";
    put("one-slot.txt", &format!("kvm -nodefaults {card}a {card}b\n"));
    let disk = "\\\n  -device ide-hd,bus=ide.0,unit=1,drive";
    let drives = "-drive if=none,id=a,file=a -drive if=none,id=b,file=b";
    put("one-unit.txt", &format!("kvm -nodefaults {drives} {disk}=a {disk}=b\n"));
    let lsi = "-device lsi,id=s \\\n -device scsi-hd,drive=a,bus=s.0,scsi-id=1,lun=1";
    put("lun.txt", &format!("kvm -nodefaults {drives} {lsi}\n"));
    fs::create_dir(folder.path().join("tree")).expect("a folder");
    std::os::unix::fs::symlink("loop.xml", folder.path().join("loop.xml")).expect("a link");
    folder
}

/// Arguments, and what the error must say.
const REFUSED: [Refused; 42] = [
    (&["open.xml"], "in: open.xml line 2 column"),
    (&["laughs.xml"], "entities, which are never expanded"),
    (&["deep.xml"], "nested more than 64 deep"),
    (&["long.xml"], "more than the 4194304 that are read"),
    (&["element.xml"], "libvirt knows no <frobnicator> in <devices>\n  in: element.xml line 2 column"),
    (&["in-a-disk.xml"], "libvirt knows no <wibble> in <disk>"),
    (&["both-kinds.xml"], "per-device boot elements cannot be used together with os/boot elements"),
    (&["one-order-twice.xml"], "boot order '1' is used for more than one device, first on line 2"),
    (&["order-0.xml"], "order='0', and a number from 1 is wanted"),
    (&["one-target-twice.xml"], "target 'vda' is given twice"),
    (&["bus.xml"], "bus='foo', and virtio, ide, scsi, sata, usb, nvme or fdc is wanted"),
    (&["class.xml"], "dev='tape', and hd, cdrom, fd or network is wanted"),
    (&["pool.xml"], "<pool> is no domain"),
    (&["no-os.xml"], "the domain has no <os>"),
    (&["xen.xml"], "type='xen', and kvm or qemu"),
    (&["workstation.xml"], "architecture sparc64 with machine sun4u cannot be powered on"),
    (&["hosts-net.xml"], "who answers on a network of the host is not described"),
    (&["--dhcp", "hosts-net.xml"], "libvirt starts no DHCP server on a network of the host"),
    (&["delay-net.xml"], "delay='long'"),
    (&["empty.xml"], "the file is empty"),
    (&["bytes.xml"], "this is no text: line 1 is neither UTF-8 nor UTF-16"),
    (&["missing.xml"], "missing.xml: No such file or directory"),
    (&["loop.xml"], "symbolic links"),
    (&["tree"], "this is a folder"),
    (&["/dev/zero"], "this is a device or a pipe"),
    (&["words.txt"], "no word of the text is a QEMU program"),
    (&["quote.txt"], "the quote ' has no end"),
    (&["no-drive.txt"], "no -drive and no -blockdev is called \"nowhere\""),
    (&["rank.txt"], "bootindex 1 is used by two devices, a and b"),
    (&["one-slot.txt"], "e1000: slot 0x3 is that of a (QEMU refuses that)\n  in: one-slot.txt line 3 column"),
    (&["one-slot.txt", "--no-boot"], "e1000: slot 0x3 is that of a (QEMU refuses that)"),
    (&["one-unit.txt", "--no-boot"], "b wants the same place as a: bus \"ide.0\" unit 1\n  in: one-unit.txt line 3"),
    (&["lun.txt", "--no-boot"], "a: LUN 1 does not exist: wanted 0 to 0\n  in: lun.txt line 2 column"),
    (&["good.xml", "good.xml"], "both describe a guest \"a\""),
    (&["good.xml", "--attach", "open.xml"], "in: open.xml line 2 column"),
    (&["good.xml", "--hmp", "typed.txt"], "device_add has no argument"),
    (&["good.xml", "--argv", "words.txt"], "no word of the text is a QEMU program"),
    (&["good.xml", "--dhcp", "missing.conf"], "missing.conf: No such file or directory"),
    (&["--dhcp", "words.txt"], "neither dnsmasq's nor dhcpd's configuration"),
    (&["--dhcp", "good.xml"], "<domain> is no network"),
    (&["good.xml", "--platform", "nowhere"], "nowhere"),
    (&["--pid", "4194304"], "--pid 4194304: cannot read"),
];

#[test]
fn bad_input_gets_one_clear_error_and_nothing_is_written() {
    refusal::each("explain", folder().path(), &REFUSED);
}

#[test]
fn a_warning_fails_the_run_only_where_that_is_asked_for() {
    let folder = folder();
    let said = explain(folder.path(), &["good.xml", "--no-boot"]);
    assert_eq!(said.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&said.stdout).contains("[reboot-timeout]"));
    assert_eq!(explain(folder.path(), &["good.xml", "--no-boot", "--deny-warnings"]).status.code(), Some(1));
    assert!(!folder.path().join("out").exists());
}

#[test]
fn a_guest_that_cannot_be_had_here_has_an_order_without_a_boot() {
    let said = explain(folder().path(), &["workstation.xml", "--no-boot"]);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.status.code(), Some(0), "{text}");
    assert!(text.contains("order by the description alone"), "{text}");
}

#[test]
fn a_network_on_which_nobody_answers_and_one_of_the_host_are_taken() {
    let folder = folder();
    let said = explain(folder.path(), &["good.xml", "silent-net.xml", "hosts-net.xml", "--no-boot"]);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.status.code(), Some(0), "{text}");
    assert!(text.contains("line 1: it has no <dhcp> for IPv4: nobody answers DHCP there"), "{text}");
    assert!(text.contains("line 1: <forward mode='bridge'>: the network is the host's"), "{text}");
    assert!(text.contains("as on a network that is not given"), "{text}");
}
