//! The event types that awork documents in its webhooks guide. Socotra's event types are an open
//! set. Knows nothing of the events themselves.

/// Event types for receivers of any kind.
pub const AWORK_TYPES: &[&str] = &[
    "absence_added",
    "absence_deleted",
    "absence_updated",
    "company_added",
    "company_deleted",
    "company_type_changed",
    "company_updated",
    "project_added",
    "project_comment_added",
    "project_deleted",
    "project_status_changed",
    "project_type_changed",
    "project_updated",
    "projectmember_added",
    "projectmember_deleted",
    "task_added",
    "task_comment_added",
    "task_deleted",
    "task_status_changed",
    "task_type_changed",
    "task_updated",
    "taskassignment_added",
    "taskassignment_deleted",
    "tasklist_added",
    "tasklist_deleted",
    "tasklist_updated",
    "timetracking_added",
    "timetracking_deleted",
    "timetracking_type_changed",
    "timetracking_updated",
    "user_activation_changed",
    "user_added",
    "user_deleted",
    "user_status_changed",
    "user_updated",
];

/// Event types for Slack. awork publishes no list; these are the events that people read in a
/// channel, with the documented example `task_comment_added`.
pub const AWORK_SLACK_TYPES: &[&str] = &[
    "project_added",
    "project_comment_added",
    "project_status_changed",
    "task_added",
    "task_comment_added",
    "task_status_changed",
    "taskassignment_added",
];
