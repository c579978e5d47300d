//! XML as libvirt writes it: parsed without a DTD, so that no entity is ever expanded, and read with the place of each node.

use std::str::FromStr;

use roxmltree::{Document, Error, Node, ParsingOptions};

use super::error::{At, GuestError};

/// Longest text that is read, bytes: a domain with everything in it has some tens of KiB.
pub const LONGEST: usize = 4 << 20;
/// Most nodes of a document.
const MOST_NODES: u32 = 100_000;
/// Deepest nesting of elements; libvirt's schema needs some ten.
const DEEPEST: usize = 64;

/// A parsed file.
pub struct Xml<'a> {
    file: &'a str,
    document: Document<'a>,
}

impl<'a> Xml<'a> {
    /// Parses a text.
    ///
    /// # Errors
    ///
    /// [`GuestError`] for a text that is no XML, has a document type declaration (entities would come with it), or is
    /// larger or deeper than any that libvirt writes.
    pub fn parse(file: &'a str, text: &'a str) -> Result<Xml<'a>, GuestError> {
        let refuse =
            |what: String, at: At, fix: &str| GuestError { what, file: file.to_owned(), at, fix: fix.to_owned() };
        if text.len() > LONGEST {
            let what = format!("the file is {} bytes long, more than the {LONGEST} that are read", text.len());
            return Err(refuse(
                what,
                At { line: 1, column: 1 },
                "give one domain or network, as virsh dumpxml prints it",
            ));
        }
        if let Some(at) = too_deep(text) {
            let what = format!("elements are nested more than {DEEPEST} deep");
            return Err(refuse(what, at, "give one domain or network, as virsh dumpxml prints it"));
        }
        let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
        let document = Document::parse_with_options(text, options).map_err(|error| {
            let at = At { line: error.pos().row, column: error.pos().col };
            match error {
                Error::DtdDetected => refuse(
                    "the file has a document type declaration, and with it entities, which are never expanded"
                        .to_owned(),
                    doctype(text).unwrap_or(at),
                    "remove <!DOCTYPE ...>; libvirt writes none",
                ),
                Error::NodesLimitReached => refuse(
                    format!("the file has more than {MOST_NODES} nodes"),
                    At { line: 1, column: 1 },
                    "give one domain or network, as virsh dumpxml prints it",
                ),
                Error::UnclosedRootNode => refuse(
                    "this is no well-formed XML: the text ends before its outermost element does".to_owned(),
                    place_of(text, text.trim_end().len()),
                    "close the element, or give the whole text",
                ),
                error => refuse(format!("this is no well-formed XML: {}", plain(&error)), at, ""),
            }
        })?;
        Ok(Xml { file, document })
    }

    /// The outermost element.
    pub fn root(&self) -> Element<'_, 'a> {
        Element { file: self.file, node: self.document.root_element() }
    }
}

/// The parser's sentence without the place that it ends with.
fn plain(error: &Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at ").map_or(text.clone(), |(what, _)| what.to_owned())
}

/// The place of the document type declaration.
fn doctype(text: &str) -> Option<At> {
    Some(place_of(text, text.find("<!DOCTYPE")?))
}

fn place_of(text: &str, byte: usize) -> At {
    let before = &text[..byte];
    let line = before.bytes().filter(|&byte| byte == b'\n').count() as u32 + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u32 + 1;
    At { line, column }
}

/// Where elements are nested too deep, by a count of tags that is right for XML without comments; the parser counts by the
/// stack.
fn too_deep(text: &str) -> Option<At> {
    let (mut depth, mut line, mut column) = (0_usize, 1_u32, 0_u32);
    let mut bytes = text.bytes().peekable();
    let mut previous = 0_u8;
    while let Some(byte) = bytes.next() {
        column += 1;
        match byte {
            b'\n' => (line, column) = (line + 1, 0),
            b'<' => match bytes.peek() {
                Some(b'/') => depth = depth.saturating_sub(1),
                Some(b'!' | b'?') | None => {}
                Some(_) => depth += 1,
            },
            b'>' if previous == b'/' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Some(At { line, column });
        }
        previous = byte;
    }
    None
}

/// An element with its place.
#[derive(Clone, Copy)]
pub struct Element<'d, 'a> {
    file: &'d str,
    node: Node<'d, 'a>,
}

impl<'d, 'a> Element<'d, 'a> {
    /// Its name without its namespace.
    pub fn name(&self) -> &'d str {
        self.node.tag_name().name()
    }

    /// The namespace that it is in, if any.
    pub fn namespace(&self) -> Option<&'d str> {
        self.node.tag_name().namespace()
    }

    /// Where it begins.
    pub fn at(&self) -> At {
        self.place(self.node.range().start)
    }

    /// Its line.
    pub fn line(&self) -> u32 {
        self.at().line
    }

    /// The bytes of the text that it takes.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.node.range()
    }

    fn place(&self, byte: usize) -> At {
        let position = self.node.document().text_pos_at(byte);
        At { line: position.row, column: position.col }
    }

    /// The elements in it.
    pub fn children(&self) -> impl Iterator<Item = Element<'d, 'a>> + use<'d, 'a> {
        let file = self.file;
        self.node.children().filter(Node::is_element).map(move |node| Element { file, node })
    }

    /// The first element in it with this name.
    pub fn child(&self, name: &str) -> Option<Element<'d, 'a>> {
        self.children().find(|child| child.name() == name)
    }

    /// Its text without the space around it.
    pub fn text(&self) -> &'d str {
        self.node.text().unwrap_or_default().trim()
    }

    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<&'d str> {
        self.node.attribute(name)
    }

    /// An attribute that says yes or no, `on` or `off`.
    ///
    /// # Errors
    ///
    /// Another word.
    pub fn switch(&self, name: &str) -> Result<Option<bool>, GuestError> {
        match self.attribute(name) {
            None => Ok(None),
            Some("yes" | "on") => Ok(Some(true)),
            Some("no" | "off") => Ok(Some(false)),
            Some(other) => Err(self.attribute_error(name, other, "yes or no")),
        }
    }

    /// An attribute that is a number, in decimal or behind `0x`.
    ///
    /// # Errors
    ///
    /// What is no number, or does not fit.
    pub fn number<T: TryFrom<i64> + FromStr>(&self, name: &str) -> Result<Option<T>, GuestError> {
        let Some(text) = self.attribute(name) else { return Ok(None) };
        let value = match text.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        let fits = value.and_then(|value| T::try_from(value).ok());
        fits.map(Some).ok_or_else(|| self.attribute_error(name, text, "a whole number that fits"))
    }

    /// The error of an attribute whose value is none.
    pub(crate) fn attribute_error(&self, name: &str, value: &str, wanted: &str) -> GuestError {
        let at = self.node.attribute_node(name).map_or(self.at(), |attribute| self.place(attribute.range().start));
        GuestError {
            what: format!("<{}> has {name}='{value}', and {wanted} is wanted", self.name()),
            file: self.file.to_owned(),
            at,
            fix: String::new(),
        }
    }

    /// An error about the whole element.
    pub fn error(&self, what: impl Into<String>, fix: impl Into<String>) -> GuestError {
        GuestError { what: what.into(), file: self.file.to_owned(), at: self.at(), fix: fix.into() }
    }

    /// Refuses elements in it that libvirt does not know there.
    ///
    /// # Errors
    ///
    /// Names the first one, and the nearest name that there is.
    pub fn knows(&self, names: &[&str]) -> Result<(), GuestError> {
        let unknown = self.children().find(|child| child.namespace().is_none() && !names.contains(&child.name()));
        let Some(unknown) = unknown else { return Ok(()) };
        let near = names.iter().find(|name| is_near(name, unknown.name()));
        let fix = near.map_or("remove it, or see https://libvirt.org/formatdomain.html".to_owned(), |near| {
            format!("<{near}> is known there")
        });
        Err(unknown.error(format!("libvirt knows no <{}> in <{}>", unknown.name(), self.name()), fix))
    }
}

/// Whether two names differ in one letter, in case, or in signs between words.
fn is_near(one: &str, other: &str) -> bool {
    let bare = |text: &str| text.to_lowercase().replace(['-', '_'], "");
    let (one, other) = (bare(one), bare(other));
    if one == other {
        return true;
    }
    let common = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let tail = one.bytes().rev().zip(other.bytes().rev()).take_while(|(a, b)| a == b).count();
    one.len().max(other.len()) <= common + tail + 1
}
