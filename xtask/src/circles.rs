//! No file of a crate imports another in a circle. Looks at every path in the code, not only at `use`, and follows
//! re-exports to the file that defines the item. So a `mod.rs` that only passes names on stands on no circle, but one that
//! uses its children and defines something that they use does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use syn::visit::Visit;

/// Re-exports are followed so far.
const DEEPEST: usize = 8;

/// Looks at every crate; fails with the circles.
pub fn run() -> Result<()> {
    let mut circles = Vec::new();
    for name in members(&std::fs::read_to_string("Cargo.toml")?)? {
        circles.extend(circles_of(&Path::new(&name).join("src"))?);
    }
    if !circles.is_empty() {
        bail!("files import each other in a circle:\n{}", circles.join("\n"));
    }
    Ok(())
}

/// The folders of the crates of the workspace that `manifest` is of.
fn members(manifest: &str) -> Result<Vec<String>> {
    let list = manifest.split_once("\nmembers = [").context("members")?.1;
    let list = list.split_once(']').context("the end of the members")?.0;
    let members: Vec<String> = list.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    // Without a crate to look at all would look well.
    ensure!(!members.is_empty(), "the workspace has no members");
    Ok(members)
}

/// The circles among the files of a crate, each as a sentence.
fn circles_of(source: &Path) -> Result<Vec<String>> {
    let root = ["lib.rs", "main.rs"]
        .iter()
        .map(|name| source.join(name))
        .find(|path| path.is_file())
        .with_context(|| format!("{} has neither lib.rs nor main.rs", source.display()))?;
    let mut krate = Crate::default();
    krate.read(&root, source, Vec::new())?;
    Ok(krate.circles())
}

/// A module's path within its crate.
type Name = Vec<String>;

#[derive(Default)]
struct Module {
    file: PathBuf,
    /// What it defines itself.
    items: BTreeSet<String>,
    /// Names that it imports or re-exports, with the path that each stands for.
    imports: BTreeMap<String, Name>,
    /// Those of them that it keeps to itself: a file that only passes a name on does not need it.
    used: BTreeSet<Name>,
    globs: Vec<Name>,
    /// Paths that its code names.
    paths: BTreeSet<Name>,
}

#[derive(Default)]
struct Crate {
    modules: BTreeMap<Name, Module>,
}

impl Crate {
    /// Reads `file`, which is the module `name` and whose children lie in `folder`, and all below it.
    fn read(&mut self, file: &Path, folder: &Path, name: Name) -> Result<()> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let parsed = syn::parse_file(&text).with_context(|| format!("cannot parse {}", file.display()))?;
        self.module(&parsed.items, file, folder, name)
    }

    fn module(&mut self, items: &[syn::Item], file: &Path, folder: &Path, name: Name) -> Result<()> {
        let mut module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        for item in items {
            match item {
                syn::Item::Mod(child) => {
                    if is_test(&child.attrs) {
                        continue;
                    }
                    let ident = child.ident.to_string();
                    let inner = [name.clone(), vec![ident.clone()]].concat();
                    match &child.content {
                        Some((_, items)) => self.module(items, file, &folder.join(&ident), inner)?,
                        None => {
                            let flat = folder.join(format!("{ident}.rs"));
                            let nested = folder.join(&ident).join("mod.rs");
                            let path = if flat.is_file() { flat } else { nested };
                            self.read(&path, &folder.join(&ident), inner)?;
                        }
                    }
                }
                other => {
                    module.items.extend(defined(other));
                    module.visit_item(other);
                }
            }
        }
        self.modules.insert(name, module);
        Ok(())
    }

    /// The module that defines what `path`, named in module `from`, stands for; `None` when that is not of this crate.
    fn definer(&self, from: &Name, path: &[String], depth: usize) -> Option<Name> {
        let (first, rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Vec::new(),
            "self" => from.clone(),
            "super" => from[..from.len().checked_sub(1)?].to_vec(),
            _ => return self.member(from, path, depth),
        };
        let mut rest = rest;
        while let Some((next, after)) = rest.split_first()
            && next == "super"
        {
            at.pop()?;
            rest = after;
        }
        if rest.is_empty() {
            return None;
        }
        self.member(&at, rest, depth)
    }

    /// The same for a path that begins in module `at`.
    fn member(&self, at: &Name, path: &[String], depth: usize) -> Option<Name> {
        let (first, rest) = path.split_first()?;
        let child = [at.clone(), vec![first.clone()]].concat();
        if self.modules.contains_key(&child) {
            // A module that is only named is not used.
            return if rest.is_empty() {
                None
            } else {
                self.member(&child, rest, depth)
            };
        }
        let module = self.modules.get(at)?;
        if module.items.contains(first) {
            return Some(at.clone());
        }
        if depth == DEEPEST {
            return None;
        }
        if let Some(target) = module.imports.get(first) {
            let whole = [target.clone(), rest.to_vec()].concat();
            // Something that is imported under its own name from nowhere in this crate would go round for ever.
            return (target.first() != Some(first))
                .then(|| self.definer(at, &whole, depth + 1))
                .flatten();
        }
        module.globs.iter().find_map(|glob| {
            let whole = [glob.clone(), path.to_vec()].concat();
            self.definer(at, &whole, depth + 1)
        })
    }

    /// Which file needs which.
    fn arrows(&self) -> BTreeMap<&Path, BTreeMap<&Path, String>> {
        let mut arrows: BTreeMap<&Path, BTreeMap<&Path, String>> = BTreeMap::new();
        for (name, module) in &self.modules {
            for path in module.paths.iter().chain(&module.used) {
                let Some(to) = self.definer(name, path, 0).and_then(|to| self.modules.get(&to)) else {
                    continue;
                };
                if to.file != module.file {
                    arrows
                        .entry(&module.file)
                        .or_default()
                        .entry(&to.file)
                        .or_insert_with(|| path.join("::"));
                }
            }
        }
        arrows
    }

    /// One circle for each file that lies on one, the shortest, each circle once.
    fn circles(&self) -> Vec<String> {
        let arrows = self.arrows();
        let mut seen: BTreeSet<BTreeSet<&Path>> = BTreeSet::new();
        let mut circles = Vec::new();
        for start in arrows.keys() {
            let Some(circle) = shortest(&arrows, start) else {
                continue;
            };
            if !seen.insert(circle.iter().copied().collect()) {
                continue;
            }
            let steps: Vec<String> = circle
                .iter()
                .zip(circle.iter().cycle().skip(1))
                .map(|(from, to)| format!("{} -> {} ({})", from.display(), to.display(), arrows[from][to]))
                .collect();
            circles.push(steps.join(", "));
        }
        circles
    }
}

/// The shortest way from `start` back to it.
fn shortest<'a>(
    arrows: &BTreeMap<&'a Path, BTreeMap<&'a Path, String>>,
    start: &'a Path,
) -> Option<Vec<&'a Path>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let at = way[way.len() - 1];
            for next in arrows.get(at).into_iter().flat_map(BTreeMap::keys) {
                if *next == start {
                    return Some(way);
                }
                if seen.insert(*next) {
                    longer.push([way.clone(), vec![*next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    })
}

/// The names that an item defines.
fn defined(item: &syn::Item) -> Option<String> {
    let ident = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        syn::Item::Union(item) => &item.ident,
        syn::Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(ident.to_string())
}

impl Visit<'_> for Module {
    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        if !is_test(&item.attrs) && item.leading_colon.is_none() {
            let passed_on = !matches!(item.vis, syn::Visibility::Inherited);
            self.tree(&item.tree, &mut Vec::new(), passed_on);
        }
    }

    fn visit_item_fn(&mut self, item: &syn::ItemFn) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            syn::visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &syn::ItemImpl) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_impl(self, item);
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        if path.leading_colon.is_none() {
            self.paths.insert(
                path.segments
                    .iter()
                    .map(|segment| segment.ident.to_string())
                    .collect(),
            );
        }
        syn::visit::visit_path(self, path);
    }
}

impl Module {
    fn tree(&mut self, tree: &syn::UseTree, before: &mut Name, passed_on: bool) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(&path.tree, before, passed_on);
                before.pop();
            }
            syn::UseTree::Name(name) => self.import(&name.ident, &name.ident, before, passed_on),
            syn::UseTree::Rename(rename) => self.import(&rename.rename, &rename.ident, before, passed_on),
            syn::UseTree::Glob(_) => self.globs.push(before.clone()),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, before, passed_on);
                }
            }
        }
    }

    fn import(&mut self, alias: &syn::Ident, ident: &syn::Ident, before: &Name, passed_on: bool) {
        let mut path = before.clone();
        let mut alias = alias.to_string();
        if ident == "self" {
            alias = path.last().cloned().unwrap_or_default();
        } else {
            path.push(ident.to_string());
        }
        if !passed_on {
            self.used.insert(path.clone());
        }
        self.imports.insert(alias, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_members_of_a_workspace_are_all_looked_at() {
        let manifest =
            "[workspace]\nmembers = [\"one\", \"two/three\"]\n[workspace.package]\nname = [\"four\"]\n";
        assert_eq!(members(manifest).unwrap(), ["one", "two/three"]);
        assert!(members("[workspace]\nmembers = []\n").is_err());
        assert!(members("[package]\n").is_err());
    }

    /// The circles of a crate with these files.
    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let mut circles = circles_of(folder.path()).unwrap();
        for circle in &mut circles {
            *circle = circle.replace(&format!("{}/", folder.path().display()), "");
        }
        circles
    }

    #[test]
    fn two_files_that_need_each_other_are_a_circle() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "pub struct B; fn f() { crate::a::A; }"),
        ]);
        assert_eq!(found, ["a.rs -> b.rs (crate::b::B), b.rs -> a.rs (crate::a::A)"]);
    }

    #[test]
    fn a_child_that_uses_what_its_parent_defines_and_uses_is_one() {
        let found = circles(&[
            ("lib.rs", "mod parent;"),
            ("parent/mod.rs", "mod child; pub struct P(child::C);"),
            ("parent/child.rs", "use super::P; pub struct C;"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn what_is_re_exported_is_the_files_that_defines_it_and_tests_do_not_count() {
        let found = circles(&[
            ("lib.rs", "mod parent;"),
            (
                "parent/mod.rs",
                "mod one; mod two; pub use one::One; pub use self::two::{Two as Other};",
            ),
            (
                "parent/one.rs",
                "pub struct One; #[cfg(test)] mod tests { use super::super::Other; }",
            ),
            (
                "parent/two.rs",
                "use super::One; use std::io; pub struct Two(One); // crate::parent::P",
            ),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_module_that_is_imported_counts_by_what_is_used_of_it() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b; fn f() { b::g(); }"),
            ("b.rs", "use super::{a, c}; pub fn g() { c::h(); }"),
            ("c.rs", "pub fn h() { crate::a::f(); }"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("c.rs -> a.rs"), "{found:?}");
    }
}
