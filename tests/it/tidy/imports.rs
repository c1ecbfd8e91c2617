//! The imports between the files of `src`: the items that each file uses of other files. A path is
//! followed through re-exports to the file that defines the item. Does not know methods, macros and
//! `#[cfg]` other than the tests of a module.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Names of a path, in order.
type Names = Vec<String>;

/// The names that one file uses of each other file.
pub(super) type Uses = BTreeMap<PathBuf, BTreeSet<String>>;

/// A module that is a file.
struct Module {
    file: PathBuf,
    /// The names that `use` brings into the module, with their paths as written.
    imports: BTreeMap<String, Names>,
    /// Paths in the code outside `use`, as written.
    paths: Vec<Names>,
    /// First names of those paths.
    names: BTreeSet<String>,
}

/// The modules of the crate by their paths.
struct Modules(BTreeMap<Names, Module>);

/// Returns the files of `src` with the files that they use.
pub(super) fn uses() -> BTreeMap<PathBuf, Uses> {
    let mut files = Vec::new();
    super::files(Path::new("src"), &mut files);
    let read = |file: PathBuf| {
        let tokens = tokens(&std::fs::read_to_string(&file).unwrap());
        (module_path(&file), Module::read(file, &tokens))
    };
    let modules = Modules(files.into_iter().map(read).collect());
    modules.0.iter().map(|(at, module)| (module.file.clone(), modules.used(at))).collect()
}

/// Returns the groups of files that use each other in a cycle.
pub(super) fn cycles(uses: &BTreeMap<PathBuf, Uses>) -> BTreeSet<BTreeSet<PathBuf>> {
    let reached: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> =
        uses.keys().map(|file| (file, reached_from(uses, file))).collect();
    let group = |file: &PathBuf| -> BTreeSet<PathBuf> {
        let others = reached[file].iter();
        others.filter(|other| reached[*other].contains(file)).map(|&other| other.clone()).collect()
    };
    uses.keys().map(group).filter(|group| !group.is_empty()).collect()
}

fn reached_from<'u>(uses: &'u BTreeMap<PathBuf, Uses>, file: &'u PathBuf) -> BTreeSet<&'u PathBuf> {
    let (mut reached, mut rest) = (BTreeSet::new(), vec![file]);
    while let Some(next) = rest.pop() {
        rest.extend(uses[next].keys().filter(|other| reached.insert(*other)));
    }
    reached
}

/// Returns `a, b` for `src/a/b.rs` and `src/a/b/mod.rs`.
fn module_path(file: &Path) -> Names {
    let inside = file.strip_prefix("src").unwrap().with_extension("");
    let mut path: Names = inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if path.last().is_some_and(|last| ["mod", "lib"].contains(&last.as_str())) {
        path.pop();
    }
    path
}

/// Returns true if one module contains the other, or both are the same. A module and its parts use
/// each other: it has their common types, and calls them.
fn are_related(one: &[String], other: &[String]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

impl Modules {
    fn used(&self, at: &Names) -> Uses {
        let module = &self.0[at];
        let imported = module.imports.iter().filter(|(name, _)| module.names.contains(*name));
        let imported = imported.filter_map(|(_, path)| self.imported(at, path));
        let written = module.paths.iter().filter_map(|path| self.absolute(at, path));
        let mut uses = Uses::new();
        for path in imported.chain(written) {
            if let Some((file, name)) = self.definition(&path, 0)
                && !are_related(at, &module_path(&file))
            {
                uses.entry(file).or_default().insert(name);
            }
        }
        uses
    }

    /// Returns the path from the crate root of a path in the code of a module. `None` if it leads
    /// out of the crate.
    fn absolute(&self, at: &Names, path: &[String]) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        match self.0[at].imports.get(first) {
            Some(imported) => Some([self.imported(at, imported)?.as_slice(), rest].concat()),
            None => self.imported(at, path),
        }
    }

    /// The same for the path of a `use`.
    fn imported(&self, at: &Names, path: &[String]) -> Option<Names> {
        let (first, mut rest) = path.split_first()?;
        let mut from = match first.as_str() {
            "crate" => Names::new(),
            "self" => at.clone(),
            "super" => at[..at.len() - 1].to_vec(),
            name => {
                let child = [at.as_slice(), &[name.to_owned()]].concat();
                self.0.contains_key(&child).then_some(child)?
            }
        };
        while let Some((_, after)) = rest.split_first().filter(|(next, _)| *next == "super") {
            (rest, _) = (after, from.pop());
        }
        from.extend_from_slice(rest);
        Some(from)
    }

    /// Returns the file that defines an item, with the name of the item.
    fn definition(&self, path: &[String], depth: usize) -> Option<(PathBuf, String)> {
        let end = (0..=path.len()).rev().find(|end| self.0.contains_key(&path[..*end]))?;
        let (at, module) = self.0.get_key_value(&path[..end])?;
        // A path that ends at a module names no item.
        let name = path.get(end)?;
        match module.imports.get(name) {
            Some(imported) if depth < 8 => {
                let imported = self.imported(at, imported)?;
                self.definition(&[imported.as_slice(), &path[end + 1..]].concat(), depth + 1)
            }
            _ => Some((module.file.clone(), name.clone())),
        }
    }
}

impl Module {
    fn read(file: PathBuf, tokens: &[String]) -> Self {
        let (imports, paths, names) = Default::default();
        let mut module = Self { file, imports, paths, names };
        let tests = ["#", "[", "cfg", "(", "test", ")", "]", "mod", "tests"];
        let mut rest = tokens;
        while let Some((first, after)) = rest.split_first() {
            if rest.iter().zip(tests).filter(|(token, test)| token == test).count() == tests.len() {
                break;
            }
            rest = match first.as_str() {
                "use" => module.read_use(&[], after),
                // A declaration of a module is no use.
                "mod" => &after[1..],
                name if is_name(name) => module.read_path(rest),
                _ => after,
            };
        }
        module
    }

    /// Reads `a::b::{c, d as e}`, and returns the tokens after it.
    fn read_use<'t>(&mut self, before: &[String], mut rest: &'t [String]) -> &'t [String] {
        let mut path = before.to_vec();
        let mut name = None;
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "::" => {}
                "{" => {
                    rest = after;
                    while rest[0] != "}" {
                        rest = self.read_use(&path, rest);
                        rest = rest.strip_prefix(&[",".to_owned()]).unwrap_or(rest);
                    }
                    return &rest[1..];
                }
                "as" => name = after.first().cloned(),
                word if is_name(word) && name.is_none() => path.push(word.to_owned()),
                word if is_name(word) => {}
                _ => break,
            }
            rest = after;
        }
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        if let Some(name) = name.or_else(|| path.last().cloned()) {
            self.imports.insert(name, path);
        }
        rest
    }

    /// Reads a name or a path in the code.
    fn read_path<'t>(&mut self, mut rest: &'t [String]) -> &'t [String] {
        let mut path = Names::new();
        while let Some(name) = rest.first().filter(|token| is_name(token)) {
            path.push(name.clone());
            rest = &rest[1..];
            match rest {
                [colons, name, ..] if colons == "::" && is_name(name) => rest = &rest[1..],
                _ => break,
            }
        }
        self.names.extend(path.first().cloned());
        if path.len() > 1 {
            self.paths.push(path);
        }
        rest
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Splits code into names, `::` and other characters, without comments and strings.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(length) = string(rest) {
            length
        } else if is_part(first) {
            rest.find(|c| !is_part(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(length);
        if is_part(first) || (length <= 2 && !first.is_whitespace() && first != '"') {
            tokens.push(token.to_owned());
        }
        rest = after;
    }
    tokens
}

/// Returns the length of the string or character literal at the beginning.
fn string(code: &str) -> Option<usize> {
    let hashes =
        code.strip_prefix('r').map_or(0, |raw| raw.len() - raw.trim_start_matches('#').len());
    if code.starts_with('r') && code[1 + hashes..].starts_with('"') {
        let (start, end) = (hashes + 2, format!("\"{}", "#".repeat(hashes)));
        return code[start..].find(&end).map(|at| start + at + end.len());
    }
    let quote = code.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let mut escaped = false;
    for (at, c) in code.char_indices().skip(1) {
        match c {
            // A lifetime: a name without a closing quote.
            _ if quote == '\''
                && at > 1
                && !escaped
                && c != '\''
                && !code[1..].starts_with('\\') =>
            {
                return None;
            }
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}
