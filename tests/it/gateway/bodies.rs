//! Bodies as senders write them: `tests/cases/bodies` has listeners and test files.

use super::examples::run;

#[test]
fn bodies_are_read_as_their_test_files_say() {
    let (done, report) = run(&["test", "-C", "tests/cases/bodies"]);
    assert!(done, "{report}");
}
