//! Rule sets: programs that run against the same context and share work. Does not evaluate them.
//!
//! The paths of all programs are resolved once for a context. A test that several programs contain
//! (a common subexpression) is evaluated once. Each program is still charged its full cost.

use std::collections::HashMap;
use std::sync::Arc;

use super::predicate::Node;
use super::{Base, Key, Path, Program};

/// Programs that run in order against one context, all of them or until one decides.
///
/// ```
/// use std::ops::ControlFlow;
///
/// use hookgate::engine::{Context, Engine, Machine, RuleSet};
///
/// let engine = Engine::new();
/// let rules = [r#"event.type == "opened""#, r#"event.type == "closed""#];
/// let programs = rules.map(|rule| engine.compile(rule));
/// let set = RuleSet::new(programs.into_iter().collect::<Result<Vec<_>, _>>()?);
///
/// let request = serde_json::json!({ "event": { "type": "closed" } });
/// let first = Machine::default().test_set(&set, &Context::of(&request), |at, holds| match holds {
///     Ok(true) => ControlFlow::Break(at),
///     _ => ControlFlow::Continue(()),
/// });
/// assert_eq!(first, Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    members: Vec<Member>,
    steps: Vec<SetStep>,
    tests: usize,
}

/// A program of a set. Its predicate tree refers to the shared steps and tests of the set.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) program: Program,
    pub(crate) tree: Option<Node>,
}

/// A step from the context, or from an earlier step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum SetStep {
    /// A variable.
    Root(Box<str>),
    /// A member of a variable, by its case-insensitive name.
    Blind(Box<str>, Arc<str>),
    /// A member of the value at an earlier step.
    Member(u16, Arc<str>),
}

impl RuleSet {
    /// Returns a set of programs, in this order.
    pub fn new(programs: impl IntoIterator<Item = Program>) -> Self {
        let mut steps = Steps::default();
        let mut members: Vec<Member> = programs
            .into_iter()
            .map(|program| {
                let mut tree = program.predicate().cloned();
                if let Some(tree) = &mut tree {
                    tree.each_path(&mut |path| steps.share(path, &program));
                }
                Member { program, tree }
            })
            .collect();
        let mut tests = Tests::default();
        let trees = || members.iter().filter_map(|member| member.tree.as_ref());
        trees().for_each(|tree| tests.count(tree));
        for member in &mut members {
            if let Some(tree) = &mut member.tree {
                tests.share(tree);
            }
        }
        Self { members, steps: steps.list, tests: tests.shared }
    }

    /// Returns the number of programs.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns true if the set has no programs.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Returns the programs, in order.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        self.members.iter().map(|member| &member.program)
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(crate) fn steps(&self) -> &[SetStep] {
        &self.steps
    }

    /// Returns the number of shared tests.
    pub(crate) fn tests(&self) -> usize {
        self.tests
    }
}

/// The steps of a set, without duplicates.
#[derive(Default)]
struct Steps {
    list: Vec<SetStep>,
    places: HashMap<SetStep, u16>,
}

impl Steps {
    /// Replaces a path by its shared last step, if all steps can be shared. An index is not shared:
    /// it costs steps of work and may fault, so each program resolves it.
    fn share(&mut self, path: &mut Path, program: &Program) {
        let Base::Root(root) = path.base else {
            return;
        };
        let Some(root) = program.chunk().roots.get(usize::from(root)) else {
            return;
        };
        let name = |key: &Key| match key {
            Key::Name(name) => Some(name.clone()),
            Key::Index(_) => None,
        };
        let Some(names) = path.keys.iter().map(name).collect::<Option<Vec<_>>>() else {
            return;
        };
        let end = match (root.case_insensitive, names.as_slice()) {
            (true, [header]) => self.place(SetStep::Blind(root.name.clone(), header.clone())),
            (true, _) => None,
            (false, names) => {
                let first = self.place(SetStep::Root(root.name.clone()));
                names
                    .iter()
                    .fold(first, |from, name| self.place(SetStep::Member(from?, name.clone())))
            }
        };
        if let Some(end) = end {
            *path = Path { base: Base::Shared(end), keys: Arc::default() };
        }
    }

    /// Returns the index of a step. `None` if there are too many.
    fn place(&mut self, step: SetStep) -> Option<u16> {
        if let Some(place) = self.places.get(&step) {
            return Some(*place);
        }
        let place = u16::try_from(self.list.len()).ok()?;
        self.list.push(step.clone());
        self.places.insert(step, place);
        Some(place)
    }
}

/// The tests of a set that are worth caching, by their shared path.
#[derive(Default)]
struct Tests {
    known: HashMap<u16, Vec<Test>>,
    shared: usize,
}

struct Test {
    node: Node,
    times: usize,
    /// Index among the shared tests.
    place: Option<u32>,
}

impl Tests {
    fn count(&mut self, node: &Node) {
        node.children().for_each(|child| self.count(child));
        let Some(path) = worth(node) else {
            return;
        };
        let known = self.known.entry(path).or_default();
        match known.iter_mut().find(|test| test.node == *node) {
            Some(test) => test.times += 1,
            None => known.push(Test { node: node.clone(), times: 1, place: None }),
        }
    }

    /// Marks the tests of a tree that occur more than once in the set.
    fn share(&mut self, node: &mut Node) {
        let shared = self.shared;
        let test = worth(node).and_then(|path| {
            let tests = self.known.get_mut(&path)?;
            tests.iter_mut().find(|test| test.times > 1 && test.node == *node)
        });
        let Some(test) = test else {
            node.children_mut().for_each(|child| self.share(child));
            return;
        };
        let place = *test.place.get_or_insert(shared as u32);
        self.shared = shared.max(place as usize + 1);
        let inner = std::mem::replace(node, Node::Now);
        *node = Node::Shared { test: place, inner: Box::new(inner) };
    }
}

/// Returns the shared path of a test that costs more than a cache lookup.
fn worth(node: &Node) -> Option<u16> {
    let (Node::ContainsLower { path, .. } | Node::EqLower { path, .. }) = node else {
        return None;
    };
    match path.base {
        Base::Shared(place) => Some(place),
        _ => None,
    }
}
