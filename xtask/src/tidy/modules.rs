//! The files of a crate as modules, and which file a path in one of them leads to.
//!
//! What is not seen: names that a glob import brings, and modules made by macros.

use std::collections::BTreeMap;

use super::source::{Source, block_end};

/// The modules of one crate that lie in files, tests apart.
pub struct Crate<'a> {
    files: BTreeMap<Vec<String>, File<'a>>,
}

/// One module.
pub struct File<'a> {
    /// Its text.
    pub source: &'a Source,
    uses: Vec<Use>,
}

/// One name that a `use` brings into a module.
struct Use {
    offset: usize,
    /// Names of inline modules around it.
    inside: Vec<String>,
    path: Vec<String>,
    /// What it is called here; `*` for a glob.
    name: String,
    exported: bool,
}

/// Where a path leads.
enum Target {
    /// A module itself.
    Module,
    /// Something that the module defines.
    Item(Vec<String>),
}

impl<'a> Crate<'a> {
    /// The crate whose root is `root`; `None` where there is no such file.
    pub fn read(root: &str, sources: &'a [Source]) -> Option<Crate<'a>> {
        let named = |path: &str| sources.iter().find(|source| source.path == path);
        let mut files = BTreeMap::new();
        let mut waiting = vec![(Vec::new(), named(root)?)];
        while let Some((path, source)) = waiting.pop() {
            for name in children(source) {
                let folder = match source.stem() {
                    _ if path.is_empty() => source.folder().to_owned(),
                    "mod" => source.folder().to_owned(),
                    stem => format!("{}/{stem}", source.folder()),
                };
                let child = named(&format!("{folder}/{name}.rs")).or_else(|| named(&format!("{folder}/{name}/mod.rs")));
                if let Some(child) = child.filter(|child| !child.is_test()) {
                    waiting.push(([path.clone(), vec![name]].concat(), child));
                }
            }
            files.insert(path, File { source, uses: uses(source) });
        }
        Some(Crate { files })
    }

    /// Every use of another file: the file that uses, where, and the file that is used. A re-export (`pub use`) is none: a use
    /// of what it exports leads to the file behind it.
    pub fn edges(&self) -> Vec<(&'a Source, usize, &'a Source)> {
        let mut edges = Vec::new();
        for (module, file) in &self.files {
            let imported = file.uses.iter().filter(|import| !import.exported).map(|import| {
                let mut path = import.path.clone();
                path.extend((import.name == "*").then(|| "*".to_owned()));
                (import.offset, import.inside.clone(), path)
            });
            for (offset, inside, path) in imported.chain(paths(file.source)) {
                let from = [module.clone(), inside].concat();
                if let Some(Target::Item(place)) = self.resolve(&from, &path, 0)
                    && let Some(target) = self.file(&place)
                    && target.path != file.source.path
                {
                    edges.push((file.source, offset, target));
                }
            }
        }
        edges
    }

    /// The file that holds a module, which may be written inside its parent's.
    fn file(&self, module: &[String]) -> Option<&'a Source> {
        (0..=module.len()).rev().find_map(|length| self.files.get(&module[..length])).map(|file| file.source)
    }

    fn resolve(&self, from: &[String], path: &[String], depth: usize) -> Option<Target> {
        // re-exports of each other lead nowhere
        let (first, rest) = path.split_first().filter(|_| depth < 16)?;
        let mut at = from.to_vec();
        match first.as_str() {
            "crate" => at.clear(),
            "self" => {}
            "super" => drop(at.pop()),
            name => return self.name(from, name, rest, depth),
        }
        match rest.split_first() {
            None => Some(Target::Module),
            Some((next, _)) if ["self", "super"].contains(&next.as_str()) => self.resolve(&at, rest, depth + 1),
            Some((next, rest)) => self.name(&at, next, rest, depth).or_else(|| self.own(at, next)),
        }
    }

    /// A name in a module: one of its modules, or what a `use` there made of it.
    fn name(&self, module: &[String], name: &str, rest: &[String], depth: usize) -> Option<Target> {
        let child = [module.to_vec(), vec![name.to_owned()]].concat();
        if self.files.contains_key(&child) {
            let Some((next, after)) = rest.split_first() else { return Some(Target::Module) };
            return self.name(&child, next, after, depth + 1).or_else(|| self.own(child, next));
        }
        let import = self.files.get(module)?.uses.iter().find(|import| import.name == name)?;
        let from = [module.to_vec(), import.inside.clone()].concat();
        self.resolve(&from, &[import.path.clone(), rest.to_vec()].concat(), depth + 1)
    }

    /// A name that a module defines itself; what it imports from another crate is not its own.
    fn own(&self, module: Vec<String>, name: &str) -> Option<Target> {
        let foreign = self.files.get(&module).is_some_and(|file| file.uses.iter().any(|import| import.name == name));
        (!foreign).then_some(Target::Item(module))
    }
}

/// Names of the modules that a file declares and that are not for tests.
fn children(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let mut before = "";
    for line in source.code.lines().map(str::trim) {
        let words: Vec<&str> = line.trim_end_matches(';').split_whitespace().collect();
        if let (true, Some(at)) = (line.ends_with(';'), words.iter().position(|word| *word == "mod")) {
            let for_tests = before.contains("cfg(test)") || line.contains("cfg(test)");
            found.extend(words.get(at + 1).filter(|_| !for_tests).map(|name| (*name).to_owned()));
        }
        if !line.is_empty() {
            before = line;
        }
    }
    found
}

/// Every name that a `use` of the file brings, tests apart.
fn uses(source: &Source) -> Vec<Use> {
    let code = &source.code;
    let mut found = Vec::new();
    for (at, end) in statements(code) {
        let before = code[..at].rsplit([';', '}', '{', ']']).next().unwrap_or_default();
        let exported = before.trim_start().starts_with("pub");
        let inside = inline_modules(code, at);
        let mut names = Vec::new();
        flatten(&code[at + 4..end], &mut Vec::new(), &mut names);
        if !source.in_test_module(at) {
            let owned = |(path, name)| Use { offset: at, inside: inside.clone(), path, name, exported };
            found.extend(names.into_iter().map(owned));
        }
    }
    found
}

/// Beginning and semicolon of every `use`.
fn statements(code: &str) -> Vec<(usize, usize)> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let begins = code.match_indices("use ").map(|(at, _)| at).filter(|at| !code[..*at].ends_with(is_name));
    begins.filter_map(|at| Some((at, at + code[at..].find(';')?))).collect()
}

/// `a::{b, c as d, e::*}` as its paths, each with the name that it brings.
fn flatten(tree: &str, front: &mut Vec<String>, found: &mut Vec<(Vec<String>, String)>) {
    let tree = tree.trim();
    let length = front.len();
    let (path, list) = match tree.split_once('{') {
        Some((path, list)) => (path, Some(list.rsplit_once('}').map_or(list, |(list, _)| list))),
        None => (tree, None),
    };
    let (path, alias) = match path.split_once(" as ") {
        Some((path, alias)) => (path, Some(alias.trim().to_owned())),
        None => (path, None),
    };
    front.extend(path.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()));
    match list {
        Some(list) => split(list).into_iter().for_each(|part| flatten(part, front, found)),
        None => {
            let mut path = front.clone();
            // `a::{self}` brings `a`, and `a::*` what is in it
            let last = path.last().cloned().unwrap_or_default();
            if last == "self" && path.len() > 1 || last == "*" {
                path.pop();
            }
            let name = if last == "self" { path.last().cloned().unwrap_or_default() } else { last };
            found.push((path, alias.unwrap_or(name)));
        }
    }
    front.truncate(length);
}

/// The parts between the commas of a list, lists in it left whole.
fn split(list: &str) -> Vec<&str> {
    let (mut depth, mut start) = (0usize, 0);
    let mut parts = Vec::new();
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect()
}

/// Every path of two names and more outside of `use`, tests apart, with the inline modules around it.
fn paths(source: &Source) -> Vec<(usize, Vec<String>, Vec<String>)> {
    let code = &source.code;
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let imports = statements(code);
    let mut found = Vec::new();
    for (colons, _) in code.match_indices("::") {
        let start = code[..colons].rfind(|c| !is_name(c)).map_or(0, |at| at + 1);
        let in_use = imports.iter().any(|(from, to)| (*from..*to).contains(&start));
        // a path is taken from its first name
        if start == colons || code[..start].ends_with("::") || in_use || source.in_test_module(start) {
            continue;
        }
        let mut parts = vec![code[start..colons].to_owned()];
        let mut rest = &code[colons..];
        while let Some(next) = rest.strip_prefix("::").filter(|next| next.starts_with(is_name)) {
            let length = next.find(|c| !is_name(c)).unwrap_or(next.len());
            parts.push(next[..length].to_owned());
            rest = &next[length..];
        }
        found.push((start, inline_modules(code, start), parts));
    }
    found
}

/// Names of the modules written inside the file around an offset, outermost first.
fn inline_modules(code: &str, offset: usize) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code[..offset].match_indices("mod ") {
        let rest = &code[at + 4..];
        let Some(body) = rest.find(['{', ';']).filter(|place| rest[*place..].starts_with('{')) else { continue };
        let begins_a_word = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if begins_a_word && at + 4 + body < offset && block_end(code, at + 4 + body) > offset {
            names.push(rest[..body].trim().to_owned());
        }
    }
    names
}
