//! The texts of an article on network boot for libvirt guests, as they stand there, and what must be refused.

use rstest::rstest;

use super::arch::{Processor, discover};
use super::*;

/// The article's rules for x64, completed by a range.
const ARTICLE_X64: &str = "\
dhcp-range=192.168.2.10,192.168.2.99
dhcp-boot=http://boot.home.kraxel.org/pxelinux.0
#
dhcp-match=set:efi-x64-pxe,option:client-arch,7
dhcp-boot=tag:efi-x64-pxe,/arch-x86_64/grubx64.efi,,192.168.2.14
#
dhcp-match=set:efi-x64-http,option:client-arch,16
dhcp-boot=tag:efi-x64-http,http://boot.home.kraxel.org/arch-x86_64/grubx64.efi
dhcp-option-force=tag:efi-x64-http,60,HTTPClient
";

/// The article's complete example.
const NETBOOT_XYZ: &str = "\
<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>
  <name>netboot.xyz</name>
  <forward mode='nat'/>
  <bridge name='netboot0' stp='on' delay='0'/>
  <ip address='192.168.123.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='192.168.123.10' end='192.168.123.99'/>
      <bootp file='http://boot.netboot.xyz/ipxe/netboot.xyz.lkrn'/>
    </dhcp>
  </ip>
  <dnsmasq:options>
    <dnsmasq:option value='dhcp-match=set:efi-x64-http,option:client-arch,16'/>
    <dnsmasq:option value='dhcp-boot=tag:efi-x64-http,http://boot.netboot.xyz/ipxe/netboot.xyz.efi'/>
    <dnsmasq:option value='dhcp-option-force=tag:efi-x64-http,60,HTTPClient'/>
  </dnsmasq:options>
</network>
";

/// The article's snippet for ISC dhcpd, completed by a range.
const ARTICLE_DHCPD: &str = "\
option arch code 93 = unsigned integer 16;

subnet 192.168.2.0 netmask 255.255.255.0 {
        range 192.168.2.100 192.168.2.199;

        if (option arch = 00:16) {
\t\toption vendor-class-identifier \"HTTPClient\";
\t\tfilename \"http://boot.home.kraxel.org/arch-x86_64/grubx64.efi\";
\t} else if (option arch = 00:07) {
\t\tnext-server 192.168.2.14;
\t\tfilename \"/arch-x86_64/grubx64.efi\";
\t} else {
\t\tnext-server 192.168.2.14;
\t\tfilename \"/pxelinux.0\";
\t}
}
";

fn notes(notes: &[Note]) -> Vec<String> {
    notes.iter().map(Note::to_string).collect()
}

#[test]
fn the_articles_right_rules_have_no_warning_and_go_to_daemon_and_lan() {
    let server = read(ARTICLE_X64, "d.conf").unwrap();
    assert_eq!((server.kind, notes(&server.warnings)), (Kind::Dnsmasq, vec![]));
    let conf = server.bridge.dnsmasq.unwrap();
    assert!(conf.contains("dhcp-boot=tag:efi-x64-pxe,/arch-x86_64/grubx64.efi,,192.168.122.1\n"), "{conf}");
    assert!(conf.contains("dhcp-range=192.168.122.10,192.168.122.99\n"), "{conf}");
    assert!(conf.contains("dhcp-boot=http://192.168.122.1/pxelinux.0\n"), "{conf}");
    let files: Vec<(&str, bool)> = server.files.iter().map(|file| (file.name.as_str(), file.efi)).collect();
    let grub = ("arch-x86_64/grubx64.efi", true);
    assert_eq!(files, [("pxelinux.0", false), grub, grub]);
    assert!(server.files.iter().all(|file| file.processor == Processor::X86));
    let lan = server.lan.unwrap();
    let rules = &lan.dhcp[0].rules;
    // the two files that are not for HTTP have a rule each for who has the tag of option 60 nevertheless
    assert_eq!(rules.len(), 5);
    assert_eq!(rules[0].answer.vendor_class.as_deref(), Some("HTTPClient"));
    assert_eq!(rules[4].when, crate::lan::Match::Any);
}

#[test]
fn a_libvirt_network_becomes_what_libvirt_writes_with_the_lines_of_the_xml() {
    let server = read(NETBOOT_XYZ, "n.xml").unwrap();
    assert_eq!((server.kind, notes(&server.warnings)), (Kind::LibvirtNetwork, vec![]));
    assert!(server.bridge.stp && server.bridge.forward_delay == 0);
    assert_eq!(notes(&server.ignored), ["n.xml:3: <forward>"]);
    assert!(notes(&server.replaced).contains(
        &"n.xml:8: dhcp-boot=http://boot.netboot.xyz/ipxe/netboot.xyz.lkrn -> http://192.168.122.1/ipxe/netboot.xyz.lkrn"
            .to_owned()
    ));
    assert!(server.lan.is_ok());
}

#[test]
fn the_articles_rule_for_arm_and_what_it_means_to_dnsmasq() {
    let text = format!(
        "{ARTICLE_X64}dhcp-match=set:efi-aa64-pxe,option:client-arch,b\n\
         dhcp-boot=tag:efi-aa64-pxe,/arch-aarch64/grubaa64.efi,,192.168.2.14\n"
    );
    let server = read(&text, "d.conf").unwrap();
    assert_eq!(
        notes(&server.warnings),
        [
            "d.conf:10: client-arch,b is one zero byte to dnsmasq, which every architecture below 256 has, BIOS guests' too; \
          write 11, decimal, for UEFI AArch64 by PXE"
        ]
    );
    let elsewhere: Vec<usize> =
        server.files.iter().filter(|file| file.processor != Processor::X86).map(|file| file.line).collect();
    assert_eq!(elsewhere, [11]);
    let named_otherwise = text.replace("/arch-aarch64/grubaa64.efi", "/boot.efi");
    assert!(
        read(&named_otherwise, "d.conf")
            .unwrap()
            .files
            .iter()
            .any(|file| file.name == "boot.efi" && file.processor == Processor::Other)
    );
}

#[test]
fn the_articles_dhcpd_snippet_has_sixteen_in_hexadecimal() {
    let server = read(ARTICLE_DHCPD, "dhcpd.conf").unwrap();
    assert_eq!(
        notes(&server.warnings),
        [
            "dhcpd.conf:6: arch = 00:16 is hexadecimal: architecture 22 (U-Boot AArch64 by PXE); UEFI x64 by HTTP is 16: write 00:10"
        ]
    );
    let elided = read(&ARTICLE_DHCPD.replace("range 192.168.2.100 192.168.2.199;", "[ ... ]"), "dhcpd.conf").unwrap();
    assert_eq!(notes(&elided.warnings), notes(&server.warnings), "what is left out hides nothing behind it");
    assert!(elided.lan.is_err());
    let behind = ARTICLE_DHCPD.replace("if (option arch = 00:16)", "if known { } else if (option arch = 00:16)");
    assert_eq!(notes(&read(&behind, "dhcpd.conf").unwrap().warnings), notes(&server.warnings));
    let conf = server.bridge.dhcpd.unwrap();
    assert!(conf.contains("subnet 192.168.122.0 netmask 255.255.255.0"), "{conf}");
    assert!(conf.contains("range 192.168.122.100 192.168.122.199;"), "{conf}");
    assert!(conf.contains("filename \"http://192.168.122.1/arch-x86_64/grubx64.efi\";"), "{conf}");
    assert_eq!(server.lan.unwrap().dhcp[0].rules.len(), 3);
    let right = read(&ARTICLE_DHCPD.replace("00:16", "00:10"), "dhcpd.conf").unwrap();
    assert_eq!(notes(&right.warnings), Vec::<String>::new());
}

#[rstest]
#[case::dnsmasq(
    &ARTICLE_X64.replace("dhcp-option-force", "#dhcp-option-force"),
    "d:8: the answer to architecture 16 (UEFI x64 by HTTP) has no option 60 HTTPClient"
)]
#[case::dhcpd(
    &ARTICLE_DHCPD.replace("00:16", "00:10").replace("option vendor-class-identifier \"HTTPClient\";", ""),
    "d:8: the answer has no option 60 HTTPClient"
)]
#[case::colons(&ARTICLE_X64.replace("arch,16", "arch,00:16"), "d:7: client-arch,00:16 is hexadecimal: architecture 22")]
#[case::twenty_two(&ARTICLE_X64.replace("arch,16", "arch,22"), "d:7: client-arch,22 is architecture 22")]
#[case::prefix(&ARTICLE_X64.replace("arch,16", "arch,0x10"), "d:7: client-arch,0x10 is text to dnsmasq")]
fn a_wrong_rule_is_pointed_out_with_its_line(#[case] text: &str, #[case] wanted: &str) {
    let warnings = notes(&read(text, "d").unwrap().warnings);
    assert!(warnings.iter().any(|warning| warning.starts_with(wanted)), "{warnings:?}");
}

#[rstest]
#[case::empty("\n\n", "d: the file is empty")]
#[case::prose("this is no configuration\n", "d: neither dnsmasq's nor dhcpd's configuration")]
#[case::zero("dhcp-range=1.2.3.4\n\0", "d:2: a zero byte")]
#[case::no_range("dhcp-boot=a.0\n", "d: no dhcp-range")]
#[case::script("dhcp-range=10.0.0.1\ndhcp-script=/bin/sh\n", "d:2: dhcp-script runs programs")]
#[case::xml("<network>\n<ip></network>", "d:2: broken XML")]
#[case::domain("<domain/>", "d:1: the root element is <domain>")]
#[case::no_dhcp("<network><ip address='10.0.0.1'/></network>", "d:1: the network gives no addresses")]
#[case::mask("<network><ip netmask='255.0.0.0'><dhcp/></ip></network>", "d:1: the network's mask is 255.0.0.0")]
#[case::laughs("<!DOCTYPE a [<!ENTITY b 'c'>]>\n<network>&b;</network>", "d:1: broken XML")]
#[case::include("subnet 10.0.0.0 netmask 255.255.255.0 { }\ninclude \"/etc/passwd\";", "d:2: include runs programs")]
#[case::brace("subnet 10.0.0.0 netmask 255.255.255.0 {\n", "d:1: a { without its }")]
#[case::deep(&"if known {\n".repeat(40), "d:33: blocks are nested more than 32 deep")]
#[case::string("subnet 10.0.0.0 netmask 255.255.255.0 {\n filename \"a; }", "d:2: a string without an end")]
#[case::wide("subnet 10.0.0.0 netmask 255.0.0.0 { }", "d:1: the subnet's mask is 255.0.0.0")]
fn what_cannot_be_used_is_refused_with_its_line(#[case] text: &str, #[case] wanted: &str) {
    let error = read(text, "d").unwrap_err().to_string();
    assert!(error.starts_with(wanted), "{error}");
}

#[test]
fn a_file_that_is_too_long_is_not_read() {
    let error = read(&"#\n".repeat(LONGEST), "d").unwrap_err();
    assert!(error.to_string().contains("at most 1 MiB"), "{error}");
}

/// What a client is offered by an ISC dhcpd file, by its class, user class and architecture.
fn offered(text: &str, class: &str, user_class: &str, architecture: u16) -> (Option<String>, bool) {
    let mut client = discover(class, architecture);
    client.options.extend((!user_class.is_empty()).then(|| (77, user_class.as_bytes().to_vec())));
    let lan = read(text, "dhcpd.conf").unwrap().lan.unwrap();
    let rule = lan.dhcp[0].rules.iter().find(|rule| rule.when.matches(&client)).unwrap();
    (rule.answer.file_field.clone(), rule.answer.next_server.is_some())
}

/// A class for network boot with a chain of `if` in it, and what the subnet says for everybody.
const CLASSES: &str = "\
option architecture-type code 93 = unsigned integer 16;
subnet 192.168.2.0 netmask 255.255.255.0 {
  range 192.168.2.100 192.168.2.199;
  class \"pxeclients\" {
    match if substring (option vendor-class-identifier, 0, 9) = \"PXEClient\";
    next-server 192.168.2.14;
    if option architecture-type = 00:07 or option architecture-type = 00:09 {
      if exists user-class and option user-class = \"iPXE\" { filename \"boot.ipxe\"; }
      else { filename \"x64.efi\"; }
    } else if option architecture-type = 00:0b { filename \"arm64.efi\"; }
    else { filename \"pxelinux.0\"; }
  }
  class \"httpclients\" {
    match if substring (option vendor-class-identifier, 0, 10) = \"HTTPClient\";
    option vendor-class-identifier \"HTTPClient\";
    filename \"http://192.168.2.14/x64.efi\";
  }
  filename \"for-everybody\";
}
";

#[rstest]
#[case::bios("PXEClient", "", 0, "pxelinux.0", true)]
#[case::uefi("PXEClient", "", 7, "x64.efi", true)]
#[case::uefi_by_the_other_number("PXEClient", "", 9, "x64.efi", true)]
#[case::ipxe_on_uefi("PXEClient", "iPXE", 7, "boot.ipxe", true)]
#[case::arm("PXEClient", "", 11, "arm64.efi", true)]
#[case::http("HTTPClient", "", 16, "http://192.168.122.1/x64.efi", false)]
#[case::nobodys("anything", "", 7, "for-everybody", false)]
fn classes_and_branches_inside_branches_give_what_dhcpd_gives(
    #[case] class: &str,
    #[case] user_class: &str,
    #[case] architecture: u16,
    #[case] file: &str,
    #[case] next_server: bool,
) {
    assert_eq!(offered(CLASSES, class, user_class, architecture), (Some(file.to_owned()), next_server));
}

#[test]
fn a_network_that_is_shared_by_one_subnet_is_that_subnet() {
    let conf = |inside: &str| {
        format!(
            "option client-architecture code 93 = unsigned integer 16;\nshared-network eth0 {{ next-server 10.0.0.1; filename \"outside\";\n\
             subnet 10.0.0.0 netmask 255.255.255.0 {{ range dynamic-bootp 10.0.0.100 10.0.0.200; {inside} }} }}"
        )
    };
    let file = |inside: &str, architecture| offered(&conf(inside), "PXEClient", "", architecture);
    assert_eq!(file("", 7), (Some("outside".to_owned()), true));
    let chain = "if option client-architecture = 00:07 { filename = \"x64.efi\"; } \
                 else if substring(filename,0,1) = null { filename \"/yaboot\"; }";
    assert_eq!(file(chain, 7).0.unwrap(), "x64.efi");
    assert_eq!(file(chain, 0).0.unwrap(), "/yaboot");
    let lan = read(&conf(""), "d").unwrap().lan.unwrap();
    assert_eq!(lan.dhcp[0].pool_len, 101);
    let two = conf("").replacen("} }", "} subnet 10.0.1.0 netmask 255.255.255.0 { } }", 1);
    assert!(read(&two, "d").is_ok_and(|server| server.lan.is_err()) || read(&two, "d").is_err());
}

#[test]
fn a_later_if_counts_more_than_an_earlier_one_and_what_the_lan_has_no_word_for_is_told() {
    let conf =
        |inside: &str| format!("subnet 10.0.0.0 netmask 255.255.255.0 {{ range 10.0.0.9; filename \"a\"; {inside} }}");
    let two = conf("if exists user-class { filename \"b\"; } if option user-class = \"iPXE\" { filename \"c\"; }");
    let file = |user_class: &str| offered(&two, "PXEClient", user_class, 0).0.unwrap();
    assert_eq!([file(""), file("gPXE"), file("iPXE")], ["a", "b", "c"]);
    // what stands behind a branch counts for everybody, and a branch that says something else leaves the file
    let behind = conf("if exists user-class { filename \"b\"; } if exists host-name { next-server 10.0.0.1; }");
    assert_eq!(offered(&behind, "PXEClient", "x", 0), (Some("b".to_owned()), false));
    let last = conf("").replace("filename \"a\";", "if exists user-class { filename \"b\"; } filename \"a\";");
    assert_eq!(offered(&last, "PXEClient", "x", 0).0.unwrap(), "a");
    let class = conf("class \"p\" { match if exists user-class; next-server 10.0.0.1; }");
    assert_eq!(offered(&class, "PXEClient", "x", 0), (Some("a".to_owned()), true));
    for unknown in
        ["class \"x\" { match hardware; }", "if known { filename \"b\"; }", "pool { allow unknown-clients; }"]
    {
        assert!(read(&conf(unknown), "d").unwrap().lan.is_err(), "{unknown}");
    }
}

/// A dnsmasq file with iPXE's own idiom: who sends option 175 is iPXE, everybody else gets iPXE first.
const CHAIN: &str = "\
dhcp-range=192.168.1.100,192.168.1.200,255.255.255.0,12h
dhcp-match=set:ipxe,175
dhcp-match=set:efi,option:client-arch,7
dhcp-boot=tag:!ipxe,undionly.kpxe
dhcp-boot=tag:!ipxe,tag:efi,ipxe.efi
dhcp-boot=tag:ipxe,http://192.168.1.1/menu.ipxe
";

#[test]
fn a_tag_that_must_not_be_set_and_an_option_that_is_only_sent_choose_as_dnsmasq_does() {
    let lan = read(CHAIN, "d").unwrap().lan.unwrap();
    let file = |architecture: u16, ipxe: bool| {
        let mut client = discover("PXEClient", architecture);
        client.options.extend(ipxe.then(|| (175, vec![1, 1])));
        let rule = lan.dhcp[0].rules.iter().find(|rule| rule.when.matches(&client)).unwrap();
        rule.answer.file_field.clone().unwrap()
    };
    assert_eq!([file(0, false), file(7, false)], ["undionly.kpxe", "ipxe.efi"]);
    assert_eq!([file(0, true), file(7, true)], ["http://192.168.122.1/menu.ipxe"; 2]);
}

#[test]
fn an_option_with_a_tag_is_sent_with_a_boot_file_that_has_none() {
    let conf = "dhcp-range=192.168.1.9,192.168.1.20\ndhcp-match=set:http,option:client-arch,16\n\
                dhcp-option-force=tag:http,60,HTTPClient\ndhcp-boot=http://192.168.1.1/a.efi\n";
    let lan = read(conf, "d").unwrap().lan.unwrap();
    let class = |architecture: u16| {
        let client = discover("HTTPClient", architecture);
        let rule = lan.dhcp[0].rules.iter().find(|rule| rule.when.matches(&client)).unwrap();
        rule.answer.vendor_class.clone()
    };
    assert_eq!([class(16).as_deref(), class(19).as_deref()], [Some("HTTPClient"), None]);
}

#[rstest]
#[case::a_static_range("dhcp-range=192.168.1.0,static")]
#[case::option_67_beside_another(
    "dhcp-range=192.168.1.9,192.168.1.20\ndhcp-boot=b.0\ndhcp-option=option:bootfile-name,a.0"
)]
#[case::an_option_of_a_vendor("dhcp-range=192.168.1.9,192.168.1.20\ndhcp-option=vendor:PXEClient,6,2b")]
#[case::proxy("dhcp-range=192.168.1.0,proxy,255.255.255.0")]
#[case::tags_of_tags("dhcp-range=192.168.1.9,192.168.1.20\ntag-if=set:x,tag:y")]
#[case::a_tag_of_its_own("dhcp-range=192.168.1.9,192.168.1.20\ndhcp-boot=tag:!known,a.0")]
#[case::a_tag_of_a_range("dhcp-range=set:lab,192.168.1.9,192.168.1.20\ndhcp-boot=tag:lab,a.0")]
#[case::bytes("dhcp-range=192.168.1.9,192.168.1.20\ndhcp-match=set:x,97,00:01:02")]
fn what_the_lan_would_get_wrong_is_left_to_the_real_daemon(#[case] text: &str) {
    assert!(read(text, "d").unwrap().lan.is_err());
}

#[rstest]
#[case::by_name("dhcp-option=option:bootfile-name,\"pxelinux.0\"", &[("pxelinux.0", false)])]
#[case::by_number("dhcp-option=67,/a/pxelinux.0", &[("a/pxelinux.0", false)])]
#[case::by_force_and_tag("dhcp-match=set:efi,option:client-arch,7\ndhcp-option-force=tag:efi,67,boot", &[("boot", true)])]
#[case::a_url("dhcp-option=67,http://10.0.0.1/a.efi", &[("a.efi", true)])]
#[case::with_a_space("dhcp-option=67,\"my boot.0\"", &[("my boot.0", false)])]
#[case::none_is_sent("dhcp-option=67", &[])]
#[case::of_another_option("dhcp-option=3,10.0.0.1", &[])]
fn the_file_of_option_67_is_a_boot_file(#[case] rules: &str, #[case] wanted: &[(&str, bool)]) {
    let server = read(&format!("dhcp-range=10.0.0.9,10.0.0.20\n{rules}\n"), "d").unwrap();
    let files: Vec<(&str, bool)> = server.files.iter().map(|file| (file.name.as_str(), file.efi)).collect();
    assert_eq!(files, wanted);
}

#[test]
fn option_67_of_dnsmasq_is_answered_by_the_lan_with_the_same_rules_as_dhcp_boot() {
    let conf = "dhcp-range=10.0.0.9,10.0.0.20\ndhcp-match=set:efi,option:client-arch,7\n\
                dhcp-option=tag:efi,option:bootfile-name,old.efi\ndhcp-option=tag:efi,67,http://10.0.0.1/x.efi\ndhcp-option=67,a.0\n";
    let server = read(conf, "d").unwrap();
    let lan = server.lan.unwrap();
    let file = |architecture: u16| {
        let client = discover("PXEClient", architecture);
        let rule = lan.dhcp[0].rules.iter().find(|rule| rule.when.matches(&client)).unwrap();
        (rule.answer.file_field.clone(), rule.answer.option_67.clone().unwrap())
    };
    assert_eq!(file(0), (None, "a.0".to_owned()));
    assert_eq!(file(7), (None, "http://192.168.122.1/x.efi".to_owned()), "the last with a tag that is set");
    let conf = server.bridge.dnsmasq.unwrap();
    assert!(conf.contains("dhcp-option=tag:efi,67,http://192.168.122.1/x.efi\n"), "{conf}");
}

#[rstest]
#[case::in_an_if("if option pxe-system-type = 00:07 { option bootfile-name \"x64.efi\"; } else { filename \"a.0\"; }")]
#[case::in_a_class(
    "filename \"a.0\"; class \"u\" { match if option pxe-system-type = 00:07; option bootfile-name \"x64.efi\"; }"
)]
#[case::with_a_sign(
    "if option pxe-system-type = 00:07 { option bootfile-name = \"x64.efi\"; } else { filename = \"a.0\"; }"
)]
fn option_67_of_dhcpd_is_a_boot_file(#[case] rules: &str) {
    let conf = format!("subnet 10.0.0.0 netmask 255.255.255.0 {{ range 10.0.0.9; {rules} }}");
    let server = read(&conf, "d").unwrap();
    let mut files: Vec<(&str, bool)> = server.files.iter().map(|file| (file.name.as_str(), file.efi)).collect();
    files.sort_unstable();
    assert_eq!(files, [("a.0", false), ("x64.efi", true)]);
    let lan = server.lan.unwrap();
    let file = |architecture: u16| {
        let client = discover("PXEClient", architecture);
        lan.dhcp[0].rules.iter().find(|rule| rule.when.matches(&client)).unwrap().answer.option_67.clone().unwrap()
    };
    assert_eq!([file(0), file(7)], ["a.0", "x64.efi"]);
}

#[rstest]
#[case::for_everybody("dhcp-boot=a.0", 1)]
#[case::for_the_same("dhcp-boot=tag:efi,a.efi", 1)]
#[case::for_others("dhcp-boot=tag:bios,a.0", 0)]
#[case::in_the_file_field_alone("dhcp-no-override\ndhcp-boot=a.0", 0)]
#[case::alone("", 0)]
fn two_options_67_for_one_client_are_pointed_out(#[case] rules: &str, #[case] wanted: usize) {
    let text = format!("dhcp-range=10.0.0.9,10.0.0.20\ndhcp-option-force=tag:efi,67,x.efi\n{rules}\n");
    let warnings = notes(&read(&text, "d").unwrap().warnings);
    assert_eq!(warnings.len(), wanted, "{warnings:?}");
    assert!(
        warnings.iter().all(|warning| warning.starts_with("d:2: clients are sent two options 67, a.")),
        "{warnings:?}"
    );
    assert!(warnings.iter().all(|warning| warning.ends_with("write dhcp-boot=tag:efi,x.efi")), "{warnings:?}");
}
