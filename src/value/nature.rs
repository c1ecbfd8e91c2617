//! Properties of built lists and objects. Does not know their content.

/// Properties of a built list or object, stored so that its content is not scanned again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Nature {
    /// True if it contains a secret at any depth, or was made with one.
    pub(super) secret: bool,
    /// The depth of built lists and objects, in levels.
    pub(super) depth: u16,
}
