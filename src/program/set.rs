//! Rule sets: programs that are asked of the same context, and share what they read.
//!
//! Of the paths of all programs, each step is taken once for a context, and a test that several
//! programs make of it is made once. What a program is told to cost stays what it costs alone.

use std::collections::HashMap;
use std::sync::Arc;

use super::direct::Node;
use super::{Base, Key, Path, Program};

/// Programs that run against one context after the other, all of them or until one decides.
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
    steps: Vec<Step>,
    tests: usize,
}

/// A program of a set, and its tree over the steps and tests of the set.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) program: Program,
    pub(crate) tree: Option<Node>,
}

/// A step that leads on from the context, or from an earlier step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// To a root.
    Root(Box<str>),
    /// To a member of a root, by its name in any case.
    Blind(Box<str>, Arc<str>),
    /// To a member of what an earlier step led to.
    Member(u16, Arc<str>),
}

impl RuleSet {
    /// A set of these programs, in this order.
    pub fn new(programs: impl IntoIterator<Item = Program>) -> Self {
        let mut steps = Steps::default();
        let mut members: Vec<Member> = programs
            .into_iter()
            .map(|program| {
                let mut tree = program.chunk().direct.clone();
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

    /// How many programs there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The programs, in order.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        self.members.iter().map(|member| &member.program)
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How many tests are made once for all who make them.
    pub(crate) fn tests(&self) -> usize {
        self.tests
    }
}

/// The steps of a set, each once.
#[derive(Default)]
struct Steps {
    list: Vec<Step>,
    places: HashMap<Step, u16>,
}

impl Steps {
    /// Makes a path begin at the step that it ends in, where all of it can be shared: what costs
    /// steps of work to find, or may fault, is found by each program itself.
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
        let end = match (root.case_blind, names.as_slice()) {
            (true, [header]) => self.place(Step::Blind(root.name.clone(), header.clone())),
            (true, _) => None,
            (false, names) => {
                let first = self.place(Step::Root(root.name.clone()));
                names.iter().fold(first, |from, name| self.place(Step::Member(from?, name.clone())))
            }
        };
        if let Some(end) = end {
            *path = Path { base: Base::Shared(end), keys: Arc::default() };
        }
    }

    /// The place of a step; none where there are too many.
    fn place(&mut self, step: Step) -> Option<u16> {
        if let Some(place) = self.places.get(&step) {
            return Some(*place);
        }
        let place = u16::try_from(self.list.len()).ok()?;
        self.list.push(step.clone());
        self.places.insert(step, place);
        Some(place)
    }
}

/// The tests of a set that are worth remembering, by the path that they read first.
#[derive(Default)]
struct Tests {
    known: HashMap<u16, Vec<Test>>,
    shared: usize,
}

struct Test {
    node: Node,
    times: usize,
    /// Its place among those that are shared.
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

    /// Marks those tests of a tree that were met more than once.
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
        *node = Node::Once { test: place, inner: Box::new(inner) };
    }
}

/// The shared path of a test that takes longer than to look whether it was made.
fn worth(node: &Node) -> Option<u16> {
    let (Node::InSmall { path, .. } | Node::IsSmall { path, .. }) = node else {
        return None;
    };
    match path.base {
        Base::Shared(place) => Some(place),
        _ => None,
    }
}
