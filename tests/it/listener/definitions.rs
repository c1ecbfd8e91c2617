//! Named expressions of a listener: `[define]` stands in every program as if it were written there.

use hookgate::listener::{Decision, Listener, Outcome};

use super::recipes::complaints;
use super::{KEY, SECRETS, Sent, loaded, open, sha256};

/// Returns the HMAC with the secret in hex.
fn mac(text: &str) -> String {
    hex::encode(sha256(KEY, text))
}

fn report(rest: &str) -> String {
    complaints(&loaded(rest, &[]))
}

fn posted(listener: &Listener, body: &str) -> Decision {
    Sent::json(body).with("X-Order", "o-7").to(listener)
}

const BODY: &str = r#"{"order":{"id":7,"state":"paid","lines":[{"n":2},{"n":3}]},"kind":"order"}"#;

/// The definitions, and the programs that read them: a rule, the filter, the mapping, a header and
/// the body of the response, and a deduplication key.
const EVERYWHERE: &str = r#"
allow = ["W0608"]
[[verify]]
name = "order"
rule = 'order.state == "paid"'
[filter]
keep_when = 'total > 4'
[deduplicate]
keys = ["number"]
[event]
type = '"${kind}.${order.state}"'
id = '$TEXT(number)'
[event.data]
total = "total"
number = "order.id"
[response]
headers = { "X-Number" = "${number}", "X-Total" = { expr = "$TEXT(total)" } }
body = '{ "total": total }'
"#;

const DEFINED: &str = r#"
[define]
total = 'order.lines.$MAP(line => line.n).$SUM()'
number = 'order.id'
order = 'parsed_body.order'
kind = 'parsed_body.kind'
"#;

fn shown(decision: &Decision) -> String {
    format!(
        "{:?} {:?} {:?} {:?}",
        decision.outcome, decision.event, decision.dedup, decision.response
    )
}

#[test]
fn definitions_give_the_same_decision_as_expressions_written_in_place() {
    let defined = open(&format!("{EVERYWHERE}{DEFINED}"));
    let total = "parsed_body.order.lines.$MAP(line => line.n).$SUM()";
    let written = EVERYWHERE
        .replace("\"number\"]", "\"parsed_body.order.id\"]")
        .replace("number = \"order.id\"", "@ = \"parsed_body.order.id\"")
        .replace("order.state", "parsed_body.order.state")
        .replace("parsed_body.parsed_body", "parsed_body")
        .replace("$TEXT(number)", "$TEXT(parsed_body.order.id)")
        .replace("${number}", "${parsed_body.order.id}")
        .replace("${kind}", "${parsed_body.kind}")
        .replace("total > 4", &format!("{total} > 4"))
        .replace("total = \"total\"", &format!("total = \"{total}\""))
        .replace("$TEXT(total)", &format!("$TEXT({total})"))
        .replace("\"total\": total", &format!("\"total\": {total}"))
        .replace("@ =", "number =");
    let in_place = open(&written);
    for body in [BODY, r#"{"order":{"state":"paid"}}"#, r#"{"order":{"state":"open"}}"#, "{}", "[]"]
    {
        assert_eq!(shown(&posted(&defined, body)), shown(&posted(&in_place, body)), "{body}");
    }
    let decision = posted(&defined, BODY);
    assert_eq!(decision.outcome, Outcome::Accepted);
    let event = decision.event.unwrap();
    assert_eq!(event.kind.as_deref(), Some("order.paid"));
    assert_eq!(event.data.unwrap().to_string(), r#"{"total":5,"number":7}"#);
}

#[test]
fn a_definition_is_evaluated_only_where_it_is_read() {
    let rest = "allow = [\"W0608\"]\n[define]\nbroken = 'parsed_body.a / 0'\n[event]\ntype = 'IF parsed_body.b THEN $TEXT(broken) ELSE \"none\"'\n";
    let listener = open(rest);
    let kind = |body: &str| posted(&listener, body).event.unwrap().kind;
    assert_eq!(kind("{\"a\":1}").as_deref(), Some("none"));
    assert_eq!(kind("{\"a\":1,\"b\":true}"), None);
}

#[test]
fn a_lambda_does_not_capture_the_variables_of_a_definition() {
    let rest = "allow = [\"W0608\", \"W0116\"]\n[define]\nname = 'parsed_body.name'\n[event]\ndata = 'parsed_body.items.$MAP(parsed_body => [parsed_body, name])'\n";
    let data = posted(&open(rest), r#"{"name":"n","items":[1,2]}"#).event.unwrap().data;
    assert_eq!(data.unwrap().to_string(), r#"[[1,"n"],[2,"n"]]"#);
}

#[test]
fn a_parameter_with_the_name_of_a_definition_hides_it_with_a_warning() {
    let rest = "allow = [\"W0608\"]\n[define]\nline = 'parsed_body.name'\n[event]\ndata = 'parsed_body.items.$MAP(line => line)'\n";
    let text = report(rest);
    assert!(text.contains("W0116"), "{text}");
    let data = posted(&open(rest), r#"{"name":"n","items":[1,2]}"#).event.unwrap().data;
    assert_eq!(data.unwrap().to_string(), "[1,2]");
}

#[test]
fn a_wrong_definition_is_reported_at_its_place() {
    for (definitions, message) in [
        (
            "a = 'b'\nb = 'c.x'\nc = 'a + 1'",
            "the definition `a` reads itself: `a` → `b` → `c` → `a`",
        ),
        ("a = 'a'", "the definition `a` reads itself"),
        ("ok = '1'\nheaders = 'raw_body'", "`headers` is a variable of the request"),
        ("\"two words\" = '1'", "`two words` is no name"),
        ("if = '1'", "`if` is a word of the language"),
        ("a = 'parsed_body.'", "E0010"),
        ("a = 'nosuch'", "`nosuch`"),
        ("a = '[1] + 1'", "this fails whenever it runs"),
        ("a = '$SECRET(\"NOSUCH\")'", "the listener has no secret `NOSUCH`"),
    ] {
        let text = report(&format!("allow = [\"W0608\"]\n[define]\n{definitions}\n"));
        assert!(text.contains(message), "{definitions}: {text}");
    }
}

#[test]
fn an_error_in_a_definition_is_reported_once() {
    let users = "[event]\ntype = 'a'\nid = 'a'\n";
    for definition in
        ["a = '$HMAC_SHA256($SECRET(\"NOSUCH\"), raw_body).$HEX()'", "a = 'parsed_body.'"]
    {
        let text = report(&format!("allow = [\"W0608\"]\n{users}[define]\n{definition}\n"));
        let lines = text.lines().filter(|line| line.contains("a.toml:")).count();
        assert_eq!(lines, 1, "{text}");
    }
}

#[test]
fn definitions_that_double_each_other_are_refused_instead_of_growing() {
    let mut rest = "allow = [\"W0608\"]\n[define]\nd0 = 'parsed_body.a'\n".to_owned();
    for at in 1..60 {
        rest.push_str(&format!("d{at} = '[d{0}, d{0}]'\n", at - 1));
    }
    let text = report(&rest);
    assert!(text.contains("E0019"), "{text}");
}

#[test]
fn a_definition_may_hold_a_secret_and_a_program_may_not_answer_it() {
    let rest = format!(
        "{SECRETS}[define]\nkey = '$SECRET(\"KEY\")'\nmac = '$HMAC_SHA256(key, raw_body).$HEX()'\n[[verify]]\nname = \"mac\"\nrule = 'headers[\"x-mac\"] == mac'\n"
    );
    let listener = open(&rest);
    for (sent, outcome) in
        [(mac("{}"), Outcome::Accepted), ("00".to_owned(), Outcome::VerificationFailed)]
    {
        assert_eq!(Sent::json("{}").with("X-Mac", sent).to(&listener).outcome, outcome);
    }
    let leaking = format!("{rest}[event]\ntype = 'key'\n");
    assert!(report(&leaking).contains("E0203"), "{}", report(&leaking));
}

#[test]
fn a_definition_is_no_way_around_the_check_for_signing_oracles() {
    let challenge = |body: &str, definitions: &str| {
        format!(
            "{SECRETS}[[verify]]\nname = \"mac\"\nrule = 'headers[\"x-mac\"] == delivery'\n[[challenge]]\ndetect = 'parsed_body.token != NULL'\nbody = '{body}'\n[define]\ndelivery = '$HMAC_SHA256($SECRET(\"KEY\"), raw_body).$HEX()'\n{definitions}\n"
        )
    };
    for definitions in [
        "answer = '$HMAC_SHA256($SECRET(\"KEY\"), \"${parsed_body.token}x\").$HEX()'",
        "text = '\"${parsed_body.token}x\"'\nanswer = '$HMAC_SHA256($SECRET(\"KEY\"), text).$HEX()'",
        "key = '$SECRET(\"KEY\")'\nanswer = '$HMAC_SHA256(key, raw_body + \"\").$HEX()'",
    ] {
        let text = report(&challenge("answer", definitions));
        assert!(text.contains("E0608"), "{definitions}: {text}");
    }
    let token =
        "token = 'parsed_body.token'\nanswer = '$HMAC_SHA256($SECRET(\"KEY\"), token).$HEX()'";
    let listener = open(&challenge("answer", token));
    let signs = posted(&listener, r#"{"token":"abc"}"#);
    assert_eq!(signs.outcome, Outcome::Challenged);
    assert_eq!(String::from_utf8_lossy(&signs.response.body), mac("abc"));
    let refused = posted(&listener, r#"{"token":"{\"a\":1}"}"#);
    assert_eq!(refused.outcome, Outcome::ChallengeRefused);
    // The text of a delivery that looks like a token is refused, although its signature is right.
    let delivery = Sent::new("abc").with("X-Mac", mac("abc")).to(&listener);
    assert_eq!(delivery.outcome, Outcome::VerificationFailed);
}

#[test]
fn a_file_overrides_a_definition_and_keys_of_the_body_give_way_to_it() {
    let rest = "allow = [\"W0608\"]\n[define]\nissue = 'headers[\"x-order\"]'\n[deduplicate]\nkeys = [\"issue\"]\n";
    let dedup = |rest: &str, body: &str| posted(&open(rest), body).dedup.unwrap().hashes;
    assert_eq!(dedup(rest, r#"{"issue":1}"#), dedup(rest, r#"{"issue":2}"#));
    let plain = "allow = [\"W0608\"]\n[deduplicate]\nkeys = [\"issue\"]\n";
    assert_ne!(dedup(plain, r#"{"issue":1}"#), dedup(plain, r#"{"issue":2}"#));
}

#[test]
fn parse_json_reads_repeated_keys_as_the_listener_reads_its_body() {
    let rest = |more: &str| {
        format!(
            "allow = [\"W0608\"]\n{more}[define]\ninner = '$PARSE_JSON(parsed_body.text)'\n[event]\ntype = '$TEXT(inner.role)'\nid = '$TEXT($PARSE_JSON(parsed_body.text).role)'\n"
        )
    };
    let body = r#"{"text":"{\"role\":\"admin\",\"role\":\"user\"}"}"#;
    let event = |more: &str| posted(&open(&rest(more)), body).event.unwrap();
    assert_eq!((event("").kind, event("").provider_id), (None, None));
    let last = event("[json]\nduplicate_keys = \"last\"\n");
    assert_eq!((last.kind.as_deref(), last.provider_id.as_deref()), (Some("user"), Some("user")));
}

#[test]
fn a_path_below_a_definition_is_a_path_of_the_request() {
    // Only the parts of the body that programs read are built.
    let listener = open(
        "allow = [\"W0608\"]\n[define]\norder = 'parsed_body.order'\n[event]\ntype = 'order.state'\ndata = 'order.id'\n",
    );
    let decision = posted(&listener, BODY);
    assert_eq!(decision.parts.parsed_body().to_string(), r#"{"order":{"id":7,"state":"paid"}}"#);
}

#[test]
fn claims_of_a_definition_are_reported_only_where_a_rule_reads_them_without_expiry() {
    let text = |rule: &str| {
        let rest = format!(
            "{SECRETS}[define]\nclaims = '$JWT_VERIFY(headers[\"x-token\"], $SECRET(\"KEY\"), [\"HS256\"])'\n[[verify]]\nname = \"token\"\nrule = '{rule}'\n[event]\ntype = 'claims.sub'\n"
        );
        report(&rest)
    };
    assert!(text("claims.sub == \"x\"").contains("W0113"), "{}", text("claims.sub == \"x\""));
    let fine = text("claims.exp > $EPOCH($TIME())");
    assert!(!fine.contains("W0113"), "{fine}");
}
