//! Where node's programs find a package: in the folder they stand in, else in one above it.
//!
//! Folders are nodes of a tree, so that a look-up costs as many steps as it goes up, however long the names are.

use std::collections::HashMap;

/// Folders further down are not looked at. Real ones end long before.
const MAX_DEPTH: usize = 64;

pub(super) struct Tree {
    children: HashMap<(usize, String), usize>,
    /// The folder above each, and the package that it holds. The first is the top.
    folders: Vec<Folder>,
}

#[derive(Clone, Copy, Default)]
struct Folder {
    above: usize,
    package: Option<usize>,
}

impl Tree {
    pub const TOP: usize = 0;

    pub fn new() -> Tree {
        Tree { children: HashMap::new(), folders: vec![Folder::default()] }
    }

    /// The folder of this path, made where it is missing; `None` for one that is too far down.
    pub fn folder<'s>(&mut self, path: impl Iterator<Item = &'s str>) -> Option<usize> {
        let mut at = Tree::TOP;
        for (depth, name) in path.enumerate() {
            if depth >= MAX_DEPTH {
                return None;
            }
            let next = self.folders.len();
            let child = *self.children.entry((at, name.to_owned())).or_insert(next);
            if child == next {
                self.folders.push(Folder { above: at, package: None });
            }
            at = child;
        }
        Some(at)
    }

    pub fn hold(&mut self, folder: usize, package: usize) {
        self.folders[folder].package = Some(package);
    }

    /// What is found under this path from a folder.
    pub fn find(&self, mut folder: usize, path: &[&str]) -> Option<usize> {
        loop {
            let mut below = Some(folder);
            for name in path {
                below = below.and_then(|at| self.children.get(&(at, (*name).to_owned())).copied());
            }
            if let Some(package) = below.and_then(|at| self.folders[at].package) {
                return Some(package);
            }
            if folder == Tree::TOP {
                return None;
            }
            folder = self.folders[folder].above;
        }
    }
}
