//! Mustache templates.

/// A parsed template.
#[derive(Debug)]
pub struct Template;
/// Why a template does not parse.
#[derive(Debug)]
pub struct TemplateError;
