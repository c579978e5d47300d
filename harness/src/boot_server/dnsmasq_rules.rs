//! Which client gets which boot file by a dnsmasq file: for the lan, and for what is wrong in it.
//!
//! dnsmasq puts each `dhcp-boot` before those that it has read already, and takes the first one with tags whose tags are all
//! set, else the first without tags (`src/option.c`, `src/dhcp-common.c` of 2.90: `find_boot`). So it does with each option that
//! `dhcp-option` names (`option_filter`), boot files by option 67 among them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::addresses::{self, SERVER, Subnet};
use super::arch::Processor;
use super::dnsmasq_lines::{Line, is_tag};
use super::{BootFile, File, Note, arch};
use crate::lan::{BootAnswer, Compare, DhcpRule, DhcpServer, LanSpec, Match};

/// Options that choose a boot file or a server in another way than `dhcp-boot`.
const OTHER_OPTIONS: [&str; 4] = ["66", "43", "option:tftp-server", "option:vendor-encap"];

/// Tags that dnsmasq sets by itself, from what the lan does not know.
const OWN_TAGS: [&str; 4] = ["known", "known-othernet", "bootp", "cpewan-id"];

/// Names of options that clients send (`src/dhcp-common.c`, `opttab`), with their codes.
const NAMED: [(&str, u8); 5] =
    [("vendor-class", 60), ("client-id", 61), ("user-class", 77), ("client-arch", 93), ("client-machine-id", 97)];

/// One `dhcp-match` on the client's architecture.
struct Arch<'a> {
    line: usize,
    tag: &'a str,
    value: &'a str,
}

impl Arch<'_> {
    fn bytes(&self) -> (Vec<u8>, Compare) {
        match Match::dnsmasq_client_arch(self.value) {
            Match::OptionBytes { bytes, how, .. } => (bytes, how),
            _ => (Vec::new(), Compare::Equal),
        }
    }

    /// The one architecture that it takes, if it is one.
    fn number(&self) -> Option<u16> {
        match self.bytes() {
            (bytes, Compare::Element | Compare::Prefix) if bytes.len() == 2 => {
                Some(u16::from_be_bytes([bytes[0], bytes[1]]))
            }
            _ => None,
        }
    }
}

/// One `dhcp-boot`, or a `dhcp-option` that gives a boot file.
struct Boot<'a> {
    line: usize,
    tags: Vec<&'a str>,
    file: &'a str,
    server: Option<Ipv4Addr>,
}

/// The rules of a file.
pub struct Rules<'a> {
    archs: Vec<Arch<'a>>,
    /// Tag to what else sets it.
    matches: BTreeMap<&'a str, Vec<Match>>,
    boots: Vec<Boot<'a>>,
    /// Boot files that are given by option 67 (RFC 2132 section 9.5).
    by_option: Vec<Boot<'a>>,
    /// `dhcp-no-override`: what `dhcp-boot` names is in the file field alone.
    no_override: bool,
    /// Tags under which option 60 is HTTPClient; an empty list is for everybody.
    http_client: Vec<Vec<&'a str>>,
    /// A line with a condition that the lan does not know.
    unknown: Option<(usize, String)>,
}

impl<'a> Rules<'a> {
    /// Those of these lines.
    pub fn of(lines: &'a [Line]) -> Rules<'a> {
        let mut rules = Rules {
            archs: Vec::new(),
            matches: BTreeMap::new(),
            boots: Vec::new(),
            by_option: Vec::new(),
            no_override: false,
            http_client: Vec::new(),
            unknown: None,
        };
        lines.iter().for_each(|line| rules.line(line));
        rules
    }

    fn line(&mut self, line: &'a Line) {
        let words: Vec<&str> = line.value.split(',').map(str::trim).collect();
        let set = words[0].strip_prefix("set:").unwrap_or(words[0]);
        match line.option.as_str() {
            "dhcp-match" => match words.get(1).copied() {
                Some("option:client-arch" | "93") if words.len() == 3 => {
                    let arch = Arch { line: line.number, tag: set, value: words[2] };
                    self.matches.entry(set).or_default().push(Match::dnsmasq_client_arch(words[2]));
                    self.archs.push(arch);
                }
                Some(option) => match other_option(option, words.get(2..).unwrap_or_default()) {
                    Some(when) => self.matches.entry(set).or_default().push(when),
                    None => self.does_not_know(line),
                },
                None => self.does_not_know(line),
            },
            "dhcp-vendorclass" => self.by_text(line, set, words.get(1).copied(), Match::VendorClassContains),
            "dhcp-userclass" => self.by_text(line, set, words.get(1).copied(), Match::UserClassContains),
            "dhcp-no-override" => self.no_override = true,
            "dhcp-boot" => self.boot(line, &words),
            "dhcp-option" | "dhcp-option-force" => self.option(line, &words),
            "dhcp-mac" | "dhcp-ignore" | "dhcp-name-match" | "dhcp-host" | "pxe-service" | "dhcp-circuitid"
            | "dhcp-remoteid" | "tag-if" => {
                self.does_not_know(line);
            }
            // somebody else gives the addresses, or a range gives tags or is for tags
            "dhcp-range"
                if words.iter().any(|word| ["proxy", "static"].contains(word) || word.contains(':'))
                    && line.value.contains('.') =>
            {
                self.does_not_know(line);
            }
            _ => {}
        }
    }

    /// `[tag:...,]FILE[,SERVERNAME[,ADDRESS]]`
    fn boot(&mut self, line: &'a Line, words: &[&'a str]) {
        let tags = self.tags(line, words);
        let file = words.get(tags.len()).copied().unwrap_or_default();
        let server = words.get(tags.len() + 2).and_then(|word| addresses::address(word));
        self.boots.push(Boot { line: line.number, tags, file, server });
    }

    /// The conditions that a value begins with.
    fn tags(&mut self, line: &'a Line, words: &[&'a str]) -> Vec<&'a str> {
        let tags: Vec<&str> = words.iter().take_while(|word| is_tag(word)).map(|word| &word[4..]).collect();
        if tags.iter().any(|tag| OWN_TAGS.contains(&tag.trim_start_matches(['!', '#']))) {
            self.does_not_know(line);
        }
        tags
    }

    /// `[tag:...,]OPTION,VALUE`
    fn option(&mut self, line: &'a Line, words: &[&'a str]) {
        if let Some(at) = bootfile_name(words) {
            let (tags, file) = (self.tags(line, words), words[at]);
            // a text with a comma in it, or what dnsmasq itself must read
            if words.len() > at + 1 || file.contains(['"', '\\']) {
                self.does_not_know(line);
            }
            let file = file.trim_matches('"');
            self.by_option.push(Boot { line: line.number, tags, file, server: None });
            return;
        }
        let tags: Vec<&str> = words.iter().take_while(|word| is_tag(word)).map(|word| &word[4..]).collect();
        let class = matches!(words.get(tags.len()), Some(&"60" | &"option:vendor-class"));
        if class && words.get(tags.len() + 1) == Some(&"HTTPClient") {
            self.http_client.push(tags);
        } else if class
            || words.get(tags.len()).is_some_and(|word| OTHER_OPTIONS.contains(word) || word.starts_with("vendor:"))
        {
            self.does_not_know(line);
        }
    }

    /// Every line that gives a boot file.
    fn givers(&self) -> impl Iterator<Item = &Boot<'a>> {
        self.boots.iter().chain(&self.by_option)
    }

    fn by_text(&mut self, line: &Line, tag: &'a str, text: Option<&str>, how: impl Fn(String) -> Match) {
        match text {
            Some(text) => self.matches.entry(tag).or_default().push(how(text.to_owned())),
            None => self.does_not_know(line),
        }
    }

    /// Who has a tag; `!tag`, of old `#tag`, is who has it not. One that nothing sets nobody has.
    fn when(&self, tag: &str) -> Match {
        let set = |tag: &str| Match::AnyOf(self.matches.get(tag).cloned().unwrap_or_default());
        match tag.strip_prefix(['!', '#']) {
            Some(tag) => Match::Not(Box::new(set(tag))),
            None => set(tag),
        }
    }

    fn does_not_know(&mut self, line: &Line) {
        self.unknown.get_or_insert((line.number, format!("{}={}", line.option, line.value)));
    }

    fn sends_http_client(&self, boot: &Boot<'_>) -> bool {
        self.http_client.iter().any(|tags| tags.iter().all(|tag| boot.tags.contains(tag)))
    }

    /// A file is for UEFI too where its rule's architecture says so, and for another processor than its name tells of where that is none of x86.
    pub fn mark_efi(&self, files: &mut [BootFile]) {
        for file in files {
            let Some(boot) = self.givers().find(|boot| boot.line == file.line) else { continue };
            let rules = self.archs.iter().filter(|arch| boot.tags.contains(&arch.tag));
            for number in rules.map(Arch::number) {
                file.efi |= number.is_some_and(|number| !matches!(number, 0 | 20));
                let by_rule = number.map_or(Processor::Other, Processor::of);
                if file.processor == Processor::X86 && by_rule != Processor::X86 {
                    file.processor = by_rule;
                }
            }
        }
    }

    /// The same rules on a lan.
    ///
    /// # Errors
    ///
    /// The first line that the lan has no word for.
    pub fn lan(&self, lines: &[Line], subnet: Subnet, file: File<'_>) -> Result<LanSpec, Note> {
        if let Some((line, what)) = &self.unknown {
            return Err(file.note(*line, format!("the lan has no word for {what}")));
        }
        if let Some(second) = self.by_option.first().filter(|_| !self.boots.is_empty()) {
            return Err(file.note(second.line, "the lan has no word for option 67 beside dhcp-boot"));
        }
        let mut server = server(lines, subnet);
        let (tagged, plain): (Vec<&Boot>, Vec<&Boot>) = self.givers().partition(|boot| !boot.tags.is_empty());
        for boot in tagged.into_iter().rev().chain(plain.into_iter().rev()) {
            let all = boot.tags.iter().map(|tag| self.when(tag));
            let when = if boot.tags.is_empty() { Match::Any } else { Match::All(all.collect()) };
            let mut answer = BootAnswer::file(addresses::boot_file(boot.file).0);
            if !self.by_option.is_empty() {
                answer.file_field = None;
            }
            answer.next_server = Some(boot.server.map_or(SERVER, |_| SERVER));
            let with_class = BootAnswer { vendor_class: Some("HTTPClient".to_owned()), ..answer.clone() };
            if self.sends_http_client(boot) {
                answer = with_class;
            } else {
                // an option with tags of its own is sent to whoever has those, whichever boot file it gets
                for tags in &self.http_client {
                    let both = [when.clone()].into_iter().chain(tags.iter().map(|tag| self.when(tag)));
                    server.rules.push(DhcpRule { when: Match::All(both.collect()), answer: with_class.clone() });
                }
            }
            server.rules.push(DhcpRule { when, answer });
        }
        Ok(LanSpec { address: SERVER, ..LanSpec::new().dhcp(server) })
    }

    /// What is wrong.
    pub fn warnings(&self, file: File<'_>) -> Vec<Note> {
        let mut notes: Vec<Note> = self.archs.iter().filter_map(|arch| self.wrong_number(arch, file)).collect();
        for boot in self.givers() {
            let http = boot.file.starts_with("http://") || boot.file.starts_with("https://");
            let arch = self.archs.iter().filter(|arch| boot.tags.contains(&arch.tag));
            let arch = arch.filter_map(Arch::number).find(|number| arch::is_http(*number));
            if let Some(number) = arch.filter(|_| http && !self.sends_http_client(boot)) {
                let tags = boot.tags.iter().map(|tag| format!("tag:{tag},")).collect::<String>();
                notes.push(file.note(boot.line, format!(
                    "the answer to architecture {} has no option 60 HTTPClient, without which UEFI ignores it; add dhcp-option-force={tags}60,HTTPClient",
                    arch::named(number)
                )));
            }
        }
        notes.extend(self.by_option.iter().filter_map(|option| self.second_of_two(option, file)));
        notes.sort_by_key(|note| note.line);
        notes
    }

    /// A client that asks for option 67 is sent what `dhcp-boot` names in it, and what `dhcp-option` names behind that (`do_options`
    /// in `src/rfc2131.c` of 2.90). Seen with OVMF 2022.11, which loads the first.
    fn second_of_two(&self, option: &Boot<'_>, file: File<'_>) -> Option<Note> {
        let is_sent_too = |boot: &&Boot<'_>| boot.tags.iter().all(|tag| option.tags.contains(tag));
        let boot = self.boots.iter().find(is_sent_too).filter(|_| !self.no_override)?;
        let tags = option.tags.iter().map(|tag| format!("tag:{tag},")).collect::<String>();
        Some(file.note(option.line, format!(
            "clients are sent two options 67, {} of dhcp-boot on line {} and {} behind it, and OVMF loads the first; write dhcp-boot={tags}{}",
            boot.file, boot.line, option.file, option.file
        )))
    }

    fn wrong_number(&self, rule: &Arch<'_>, file: File<'_>) -> Option<Note> {
        let value = rule.value;
        let what = format!("client-arch,{value} ");
        let hex = u16::from_str_radix(value.trim_start_matches("0x"), 16).ok();
        let (bytes, how) = rule.bytes();
        let answer = self.givers().find(|boot| boot.tags.contains(&rule.tag)).map(|boot| boot.file);
        let fix = |number: u16| format!("write {number}, decimal, for {}", arch::words(number).unwrap_or("it"));
        if value.contains(':') {
            let number = rule.number();
            let meant = number.and_then(arch::digits_taken_for_hex);
            let read = number.map_or("no architecture".to_owned(), arch::named);
            let fix = meant.map_or("write the number in decimal digits".to_owned(), fix);
            return meant
                .is_some()
                .then(|| file.note(rule.line, format!("{what}is hexadecimal: architecture {read}; {fix}")));
        }
        if how == Compare::Element && bytes == [0] {
            let fix = hex.filter(|number| *number > 0).map(fix).unwrap_or_default();
            return Some(file.note(
                rule.line,
                format!(
                    "{what}is one zero byte to dnsmasq, which every architecture below 256 has, BIOS guests' too; {fix}"
                ),
            ));
        }
        if how == Compare::Contains {
            let fix = hex.map_or("write the number in decimal digits".to_owned(), fix);
            return Some(file.note(rule.line, format!("{what}is text to dnsmasq and matches no architecture; {fix}")));
        }
        let number = rule.number()?;
        let by_http = answer.is_some_and(|file| file.starts_with("http"));
        let meant = arch::digits_taken_for_hex(number)?;
        (by_http && arch::is_http(meant) && !rule.tag.contains("uboot")).then(|| {
            file.note(
                rule.line,
                format!("{what}is architecture {}, hexadecimal {number:x}; {}", arch::named(number), fix(meant)),
            )
        })
    }
}

/// Where the file stands among the words of an option that gives a boot file; `None` for another option, and for one without a
/// value, by which dnsmasq sends none.
pub fn bootfile_name(words: &[&str]) -> Option<usize> {
    let at = words.iter().take_while(|word| is_tag(word)).count();
    let is_it = matches!(words.get(at).map(|word| word.trim()), Some("67" | "option:bootfile-name"));
    (is_it && words.get(at + 1).is_some_and(|file| !file.trim().is_empty())).then_some(at + 1)
}

/// `dhcp-match` on another option than the architecture: that the client sends it, or that a text stands in it. `None` for what
/// the lan has no word for.
fn other_option(option: &str, values: &[&str]) -> Option<Match> {
    let code = match option.strip_prefix("option:") {
        None => option.parse().ok()?,
        Some(name) => NAMED.iter().find(|(known, _)| *known == name).map(|(_, code)| *code)?,
    };
    // every value begins with nothing
    let sent = Match::OptionBytes { code, bytes: Vec::new(), how: Compare::Prefix };
    match values {
        [] => Some(sent),
        // numbers and bytes depend on how wide dnsmasq takes the option to be
        [text] if text.starts_with(|c: char| c.is_ascii_alphabetic()) && !text.contains(':') => {
            Some(Match::OptionBytes { code, bytes: text.as_bytes().to_vec(), how: Compare::Contains })
        }
        _ => None,
    }
}

fn server(lines: &[Line], subnet: Subnet) -> DhcpServer {
    let mut server = DhcpServer { address: SERVER, router: Some(SERVER), dns: None, ..DhcpServer::new("dnsmasq") };
    let range = lines.iter().find(|line| line.option == "dhcp-range" && line.value.contains('.'));
    let ends: Vec<Ipv4Addr> =
        range.into_iter().flat_map(|line| line.value.split(',').filter_map(addresses::address)).collect();
    if let Some(first) = ends.first() {
        server.pool_start = subnet.in_lab(*first);
        let last = ends.get(1).filter(|last| subnet.holds(**last)).unwrap_or(first).octets()[3];
        server.pool_len = last.saturating_sub(first.octets()[3]).saturating_add(1);
    }
    server
}
