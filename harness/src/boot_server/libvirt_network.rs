//! A libvirt network: what its dnsmasq would read, line by line as libvirt 9.0 writes it (`src/network/bridge_driver.c`).

use roxmltree::{Document, Node, ParsingOptions};

use super::addresses::SERVER;
use super::dnsmasq_lines::{Line, line_of};
use super::{BootServer, BootServerError, File, Kind, Note, dnsmasq};
use crate::lan::LanSpec;
use crate::machine::Bridge;

/// The namespace of options that libvirt hands on.
const OPTIONS: &str = "http://libvirt.org/schemas/network/dnsmasq/1.0";

/// Nodes that a network has at most.
const NODES: u32 = 100_000;

/// Reads a network.
///
/// # Errors
///
/// As [`super::read`], with the line of what is wrong. A document type declaration is refused, so no entity is expanded.
pub fn read(text: &str, file: File<'_>) -> Result<BootServer, BootServerError> {
    let document = parsed(text, file)?;
    let root = document.root_element();
    let line = |node: Node<'_, '_>| document.text_pos_at(node.range().start).row as usize;
    if root.tag_name().name() != "network" {
        let problem = format!("the root element is <{}>", root.tag_name().name());
        return Err(file.error(line(root), problem, "wanted a <network>, the output of virsh net-dumpxml"));
    }
    let mut lines = Vec::new();
    let mut add = |number: usize, option: &str, value: String| {
        lines.push(Line { number, option: option.to_owned(), value });
    };
    let child =
        |node: Node<'_, '_>, name: &str| node.children().find(|child| child.has_tag_name(name)).map(|child| child.id());
    let is_ipv4 = |node: Node<'_, '_>| node.has_tag_name("ip") && node.attribute("family") != Some("ipv6");
    let ip = root.children().find(|node| is_ipv4(*node) && child(*node, "dhcp").is_some());
    let Some(ip) = ip else {
        let fix = "wanted <ip><dhcp><range/></dhcp></ip>: without it libvirt starts no DHCP server";
        return Err(file.error(line(root), "the network gives no addresses", fix));
    };
    check_mask(ip, line(ip), file)?;
    add(line(ip), "strict-order", String::new());
    if let Some(tftp) = ip.children().find(|node| node.has_tag_name("tftp")) {
        add(line(tftp), "enable-tftp", String::new());
        add(line(tftp), "tftp-root", tftp.attribute("root").unwrap_or_default().to_owned());
    }
    for node in dhcp_of(ip) {
        add(line(node), option_of(node), value_of(node));
    }
    add(line(ip), "dhcp-no-override", String::new());
    add(line(ip), "dhcp-authoritative", String::new());
    for option in root.descendants().filter(|node| node.has_tag_name((OPTIONS, "option"))) {
        lines.extend(line_of(line(option), option.attribute("value").unwrap_or_default()));
    }
    let mut server = dnsmasq::read(&lines, Kind::LibvirtNetwork, bridge(root), file)?;
    server.ignored.extend(left_out(&document, file));
    Ok(server)
}

/// A network on which nobody answers, since it has no `<dhcp>`.
///
/// # Errors
///
/// As [`read`], for XML that is broken.
pub(crate) fn silent(text: &str, file: File<'_>) -> Result<BootServer, BootServerError> {
    let document = parsed(text, file)?;
    Ok(BootServer {
        kind: Kind::LibvirtNetwork,
        bridge: bridge(document.root_element()),
        lan: Ok(LanSpec { address: SERVER, ..LanSpec::new() }),
        files: Vec::new(),
        warnings: Vec::new(),
        replaced: Vec::new(),
        ignored: left_out(&document, file),
    })
}

fn parsed<'a>(text: &'a str, file: File<'_>) -> Result<Document<'a>, BootServerError> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| {
        let line = error.pos().row as usize;
        file.error(line, format!("broken XML: {error}"), "wanted the output of virsh net-dumpxml")
    })
}

/// The elements of a network that are of no use to the lab.
fn left_out(document: &Document<'_>, file: File<'_>) -> Vec<Note> {
    let elements = document.root_element().children().filter(Node::is_element);
    let used = ["name", "uuid", "ip", "bridge", "mac", "options"];
    let left = elements.filter(|node| !used.contains(&node.tag_name().name()));
    left.map(|node| {
        let line = document.text_pos_at(node.range().start).row as usize;
        file.note(line, format!("<{}>", node.tag_name().name()))
    })
    .collect()
}

/// The elements of its `<dhcp>` that libvirt has an option for.
fn dhcp_of<'a, 'input>(ip: Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
    let inside = ip.children().filter(|node| node.has_tag_name("dhcp")).flat_map(|dhcp| dhcp.children());
    inside.filter(|node| node.is_element() && !option_of(*node).is_empty())
}

fn option_of(node: Node<'_, '_>) -> &'static str {
    match node.tag_name().name() {
        "range" => "dhcp-range",
        "bootp" => "dhcp-boot",
        "host" => "dhcp-host",
        _ => "",
    }
}

fn value_of(node: Node<'_, '_>) -> String {
    let attribute = |name: &str| node.attribute(name).unwrap_or_default().to_owned();
    match option_of(node) {
        "dhcp-range" => format!("{},{},255.255.255.0", attribute("start"), attribute("end")),
        "dhcp-boot" => {
            let server = node.attribute("server").map(|server| format!(",,{server}")).unwrap_or_default();
            attribute("file") + &server
        }
        _ => {
            let words = ["mac", "ip", "name"].map(attribute);
            words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(",")
        }
    }
}

/// libvirt's default is STP with a delay of 0.
fn bridge(root: Node<'_, '_>) -> Bridge {
    let node = root.children().find(|node| node.has_tag_name("bridge"));
    let attribute = |name: &str| node.and_then(|node| node.attribute(name));
    let delay = attribute("delay").and_then(|delay| delay.parse().ok()).unwrap_or(0);
    if attribute("stp") == Some("off") { Bridge::new() } else { Bridge::new().stp(delay) }
}

fn check_mask(ip: Node<'_, '_>, line: usize, file: File<'_>) -> Result<(), BootServerError> {
    let (mask, prefix) = (ip.attribute("netmask"), ip.attribute("prefix"));
    match (mask, prefix) {
        (Some("255.255.255.0") | None, None) | (None, Some("24")) => Ok(()),
        (mask, prefix) => {
            let found = mask.or(prefix).unwrap_or_default();
            let fix = "the lab's network is a /24: wanted netmask='255.255.255.0'";
            Err(file.error(line, format!("the network's mask is {found}"), fix))
        }
    }
}
