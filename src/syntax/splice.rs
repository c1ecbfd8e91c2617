//! Replaces names in a syntax tree by the trees of their definitions, as if they were written
//! there. Does not know the meaning of definitions.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Expr, ExprId, Node, StepKind, Tree};
use crate::source::Span;

/// The definitions, by name.
pub type Definitions = BTreeMap<Box<str>, DefinitionTree>;

/// The tree of a definition.
#[derive(Debug, Clone)]
pub struct DefinitionTree {
    /// Its tree, which is complete: it has no name of another definition.
    pub tree: Tree,
    /// Its number among the definitions, which the programs of a host share.
    pub number: u16,
}

/// Maximum number of nodes of a tree with its definitions. Definitions that use each other twice
/// would double the tree with each of them.
const MAX_NODES: usize = 1 << 16;

/// Maximum depth of a tree with its definitions, in levels. Code that walks a tree is recursive.
const MAX_DEPTH: u16 = 256;

/// The limit that a tree exceeds with its definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooLarge {
    /// The number of nodes.
    Nodes(usize),
    /// The levels of nesting.
    Levels(u16),
}

impl Tree {
    /// Returns the names that no lambda of the tree binds.
    ///
    /// ```
    /// use hookgate::source::Source;
    /// use hookgate::syntax::{SyntaxLimits, parse};
    ///
    /// let parsed = parse(Source::new("rule", "a.$MAP(x => x + b)"), SyntaxLimits::default())?;
    /// assert_eq!(parsed.tree.free_names().into_iter().collect::<Vec<_>>(), ["a", "b"]);
    /// # Ok::<(), hookgate::diagnostic::Diagnostics>(())
    /// ```
    pub fn free_names(&self) -> BTreeSet<&str> {
        let mut names = Names::default();
        names.walk(self, self.root());
        names.free.into_values().collect()
    }

    /// Returns the tree under a node.
    ///
    /// ```
    /// use hookgate::source::Source;
    /// use hookgate::syntax::{Expr, SyntaxLimits, parse};
    ///
    /// let tree = parse(Source::new("rule", "a + b.c"), SyntaxLimits::default())?.tree;
    /// let Expr::Run { rest, .. } = tree.expr(tree.root()) else { unreachable!() };
    /// let part = tree.part(rest[0].operand);
    /// assert_eq!(part.len(), 2);
    /// # Ok::<(), hookgate::diagnostic::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn part(&self, root: ExprId) -> Self {
        let mut reached = BTreeSet::new();
        self.reach(root, &mut reached);
        let ids: BTreeMap<ExprId, ExprId> =
            (0..).map(ExprId).zip(&reached).map(|(new, old)| (*old, new)).collect();
        let new = |id: ExprId| ids.get(&id).copied().unwrap_or(id);
        let mut out = Self::default();
        for id in &reached {
            let mut node = self.node(*id).clone();
            node.expr.each_child_mut(&mut |child| *child = new(*child));
            out.nodes.push(node);
        }
        out.optional.extend(self.optional.intersection(&reached).map(|id| new(*id)));
        let inside = self.defined.iter().filter(|(id, _)| reached.contains(id));
        out.defined.extend(inside.map(|(id, number)| (new(*id), *number)));
        out.set_root(new(root));
        out
    }

    fn reach(&self, id: ExprId, reached: &mut BTreeSet<ExprId>) {
        if reached.insert(id) {
            self.expr(id).each_child(|child| self.reach(child, reached));
        }
    }

    /// Returns the tree with the trees of definitions in place of their names. Their spans are
    /// those of the names.
    ///
    /// # Errors
    /// Returns the limit that the result would exceed.
    pub fn spliced(self, definitions: &Definitions) -> Result<Self, TooLarge> {
        let mut names = Names::default();
        names.walk(&self, self.root());
        let used: BTreeMap<ExprId, &DefinitionTree> = names
            .free
            .iter()
            .filter_map(|(id, name)| Some((*id, definitions.get(*name)?)))
            .collect();
        if used.is_empty() {
            return Ok(self);
        }
        let free: BTreeSet<&str> = used.values().flat_map(|one| one.tree.free_names()).collect();
        let local = names.local;
        Splicing::of(&self, used, free, local)?.run(&self)
    }
}

/// The names of a tree, apart by whether a lambda binds them.
#[derive(Default)]
struct Names<'t> {
    scope: Vec<&'t str>,
    free: BTreeMap<ExprId, &'t str>,
    local: BTreeSet<ExprId>,
}

impl<'t> Names<'t> {
    fn walk(&mut self, tree: &'t Tree, id: ExprId) {
        let height = self.scope.len();
        match tree.expr(id) {
            Expr::Name(name) if self.scope.contains(&&**name) => drop(self.local.insert(id)),
            Expr::Name(name) => drop(self.free.insert(id, name)),
            Expr::Lambda { params, body } => {
                self.scope.extend(params.iter().map(|param| &*param.name));
                self.walk(tree, *body);
            }
            Expr::Let { bindings, body } => {
                bindings.iter().for_each(|binding| self.walk(tree, binding.value));
                self.scope.extend(bindings.iter().map(|binding| &*binding.name));
                self.walk(tree, *body);
            }
            other => other.each_child(|child| self.walk(tree, child)),
        }
        self.scope.truncate(height);
    }
}

/// A tree that is written anew. Nodes keep their order, so children still come before parents.
struct Splicing<'t> {
    used: BTreeMap<ExprId, &'t DefinitionTree>,
    /// The variables that the definitions read. A lambda of the tree must not capture them.
    free: BTreeSet<&'t str>,
    /// The names that a lambda of the tree binds.
    local: BTreeSet<ExprId>,
    /// The new ids of the nodes.
    ids: Vec<ExprId>,
    /// The levels that definitions can add.
    deeper: u16,
}

impl<'t> Splicing<'t> {
    fn of(
        tree: &Tree,
        used: BTreeMap<ExprId, &'t DefinitionTree>,
        free: BTreeSet<&'t str>,
        local: BTreeSet<ExprId>,
    ) -> Result<Self, TooLarge> {
        let (mut ids, mut next) = (Vec::with_capacity(tree.len()), 0_usize);
        for (id, _) in tree.iter() {
            let (root, length) = used
                .get(&id)
                .map_or((0, 1), |DefinitionTree { tree, .. }| (tree.root().index(), tree.len()));
            ids.push(ExprId(u32::try_from(next.saturating_add(root)).unwrap_or(u32::MAX)));
            next = next.saturating_add(length);
        }
        let deeper = used.values().map(|one| one.tree.depth(one.tree.root())).max().unwrap_or(0);
        let levels = tree.depth(tree.root()).saturating_add(deeper);
        if next > MAX_NODES {
            return Err(TooLarge::Nodes(MAX_NODES));
        }
        if levels > MAX_DEPTH {
            return Err(TooLarge::Levels(MAX_DEPTH));
        }
        Ok(Self { used, free, local, ids, deeper })
    }

    fn run(self, tree: &Tree) -> Result<Tree, TooLarge> {
        let mut out = Tree::default();
        for (id, _) in tree.iter() {
            let span = tree.span(id);
            match self.used.get(&id) {
                Some(DefinitionTree { tree, number }) => {
                    let root = out.graft(tree.clone(), |_| span);
                    out.defined.insert(root, *number);
                }
                None => self.copy(&mut out, tree, id),
            }
        }
        out.optional.extend(tree.optional.iter().map(|id| self.moved(*id)));
        out.defined.extend(tree.defined.iter().map(|(id, number)| (self.moved(*id), *number)));
        out.set_root(self.moved(tree.root()));
        Ok(out)
    }

    fn moved(&self, id: ExprId) -> ExprId {
        self.ids.get(id.index()).copied().unwrap_or(id)
    }

    fn copy(&self, out: &mut Tree, tree: &Tree, id: ExprId) {
        let mut node: Node = tree.node(id).clone();
        node.depth = node.depth.saturating_add(self.deeper);
        node.expr.each_child_mut(&mut |child| *child = self.moved(*child));
        self.rename(id, &mut node.expr);
        if let (Expr::Chain { base: old, .. }, Expr::Chain { .. }) = (tree.expr(id), &node.expr)
            && self.used.contains_key(old)
        {
            join_chains(out, &mut node.expr, tree.span(*old));
        }
        out.nodes.push(node);
    }

    /// Gives another name to a local with the name of a variable that a definition reads.
    fn rename(&self, id: ExprId, expr: &mut Expr) {
        let rename = |name: &mut Box<str>| {
            if self.free.contains(&**name) {
                // No source can write this name.
                *name = format!("{name}'").into();
            }
        };
        match expr {
            Expr::Name(name) if self.local.contains(&id) => rename(name),
            Expr::Lambda { params, .. } => {
                params.iter_mut().for_each(|param| rename(&mut param.name));
            }
            Expr::Let { bindings, .. } => {
                bindings.iter_mut().for_each(|binding| rename(&mut binding.name));
            }
            _ => {}
        }
    }
}

/// Makes one chain of a chain whose base is a chain, so that `issue.id` is a path if `issue` is one.
fn join_chains(out: &mut Tree, expr: &mut Expr, span: Span) {
    let Expr::Chain { base, steps } = expr else {
        return;
    };
    let Some(node) = out.nodes.get_mut(base.index()) else {
        return;
    };
    // Only plain steps: the node of a call must not occur twice.
    let is_plain = |kind: &StepKind| !matches!(kind, StepKind::Call(_));
    if let Expr::Chain { base: inner, steps: before } = &mut node.expr
        && before.iter().all(|step| is_plain(&step.kind))
    {
        out.defined.remove(base);
        *base = *inner;
        let mut joined = std::mem::take(before);
        joined.iter_mut().for_each(|step| step.span = span);
        joined.append(steps);
        *steps = joined;
        node.expr = Expr::Null;
    }
}
