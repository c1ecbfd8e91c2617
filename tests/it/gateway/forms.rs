//! The forms of the management API and its description: a wrong member is named, and what the
//! description requires is required.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::receiver::{Reaction, Receiver};
use super::round_trip::RESOURCES;
use super::running::{Answer, Gateway};
use super::subscribed::Subscribed;

const NOTHING: Value = Value::Null;

/// The OpenAPI description of a gateway.
pub(crate) struct Description(Value);

impl Description {
    pub(crate) fn of(gateway: &Gateway) -> Self {
        Self(gateway.call_ok("", "GET", "/openapi.json", &NOTHING))
    }

    fn schema(&self, name: &str) -> &Value {
        &self.0["components"]["schemas"][name]
    }

    /// Follows references, and takes the branch that is not null.
    fn resolved<'d>(&'d self, schema: &'d Value) -> &'d Value {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.0.pointer(&reference[1..]).unwrap();
        }
        match schema["anyOf"].as_array() {
            Some(branches) => self.resolved(&branches[0]),
            None => schema,
        }
    }

    fn properties<'d>(
        &'d self,
        schema: &'d Value,
    ) -> impl Iterator<Item = (&'d String, &'d Value)> {
        self.resolved(schema)["properties"].as_object().into_iter().flatten()
    }

    /// Returns the read-only members of a schema.
    pub(crate) fn read_only(&self, name: &str) -> Vec<String> {
        let all = self.properties(self.schema(name));
        all.filter(|(_, schema)| schema["readOnly"] == true).map(|(name, _)| name.clone()).collect()
    }

    /// Returns the members of a schema that a document does not have, or has as null.
    pub(crate) fn null_members(&self, name: &str, document: &Value) -> BTreeSet<String> {
        let mut missing = BTreeSet::new();
        self.collect_null(self.schema(name), document, &mut missing);
        missing
    }

    fn collect_null(&self, schema: &Value, document: &Value, missing: &mut BTreeSet<String>) {
        for (name, property) in self.properties(schema) {
            match &document[name] {
                Value::Null => _ = missing.insert(name.clone()),
                value => self.collect_null(property, value, missing),
            }
        }
    }

    fn operations(&self) -> impl Iterator<Item = &Value> {
        let paths = self.0["paths"].as_object().unwrap().values();
        paths.flat_map(|path| path.as_object().unwrap().values()).filter(|row| row.is_object())
    }

    fn operation(&self, id: &str) -> &Value {
        self.operations().find(|row| row["operationId"] == id).unwrap()
    }

    /// Asserts that an answer matches the schema of its operation.
    fn assert_describes(&self, id: &str, answer: &Value) {
        let content = &self.operation(id)["responses"]["200"]["content"]["application/json"];
        let mut schema = content["schema"].clone();
        schema["components"] = self.0["components"].clone();
        let validator = jsonschema::options().offline().build(&schema).unwrap();
        if let Err(error) = validator.validate(answer) {
            panic!("{id}: {} is {error}", error.instance_path());
        };
    }
}

/// Returns the members that a refusal names.
fn named(answer: &Answer) -> Vec<String> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let of_awork = body["validationErrors"].as_array();
    let listed = of_awork.or(body["error"]["details"].as_array()).cloned().unwrap_or_default();
    listed.iter().map(|one| one["property"].as_str().unwrap().to_lowercase()).collect()
}

/// A call with a form: its method, its path, and a form that is taken.
struct Form {
    id: &'static str,
    method: &'static str,
    path: String,
    form: Value,
}

fn forms(gateway: &Gateway, key: &str) -> Vec<Form> {
    let ids = [["createWebhook", "updateWebhook"], ["PostWebhook", "PutWebhook"]];
    let mut forms = Vec::new();
    for (resource, [create, change]) in RESOURCES.iter().zip(ids) {
        let full = (resource.full)("https://example.com/hook");
        let (path, _) = resource.create(gateway, key, &full);
        let form = gateway.call_ok(key, "GET", &path, &NOTHING);
        let webhooks = resource.webhooks.to_owned();
        forms.push(Form { id: create, method: "POST", path: webhooks, form: full });
        forms.push(Form { id: change, method: resource.method, path, form });
    }
    forms
}

/// A wrong form: the member that an error has to name, and a description for messages.
struct Wrong {
    member: String,
    what: &'static str,
    form: Value,
}

/// Returns forms with one wrong member each, for every member of a form and of its parts.
fn wrong_forms(description: &Description, schema: &Value, form: &Value) -> Vec<Wrong> {
    let mut all = Vec::new();
    let schema = description.resolved(schema);
    if schema["additionalProperties"] == false {
        all.push(change(form, "surprise", "an unknown member", json!(1)));
    }
    let Some(members) = form.as_object() else {
        return all;
    };
    for (name, value) in members {
        let property = description.resolved(&schema["properties"][name]);
        let other_type = if value.is_object() { json!(7) } else { json!({ "wrong": 1 }) };
        all.push(change(form, name, "a wrong type", other_type));
        if schema["required"].as_array().is_some_and(|all| all.contains(&json!(name))) {
            all.push(change(form, name, "null", NOTHING));
            let mut without = form.clone();
            without.as_object_mut().unwrap().remove(name);
            all.push(Wrong { member: name.clone(), what: "nothing", form: without });
        }
        if property["minLength"].as_u64().is_some_and(|least| least > 0) {
            all.push(change(form, name, "an empty string", json!("")));
        }
        if let Some(most) = property["maxLength"].as_u64() {
            let long = "a".repeat(usize::try_from(most).unwrap() + 1);
            all.push(change(form, name, "a long string", json!(long)));
        }
        if let Some(options) = property["enum"].as_array() {
            assert!(!options.contains(&json!("other")));
            all.push(change(form, name, "an unknown choice", json!("other")));
        }
        for bound in ["minimum", "maximum"] {
            if let Some(bound) = property[bound].as_i64() {
                let beyond = if bound > 1 { bound + 1 } else { bound - 1 };
                all.push(change(form, name, "a number out of range", json!(beyond)));
            }
        }
        for inner in wrong_forms(description, property, value) {
            let mut outer = form.clone();
            outer[name] = inner.form;
            all.push(Wrong { member: format!("{name}.{}", inner.member), form: outer, ..inner });
        }
    }
    all
}

fn change(form: &Value, name: &str, what: &'static str, value: Value) -> Wrong {
    let mut form = form.clone();
    form[name] = value;
    Wrong { member: name.to_owned(), what, form }
}

#[test]
fn error_of_every_wrong_form_names_the_member() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let description = Description::of(&gateway);
    let with_body = description
        .operations()
        .filter(|row| row["requestBody"]["content"].get("application/json").is_some());
    let with_body: BTreeSet<&str> =
        with_body.map(|row| row["operationId"].as_str().unwrap()).collect();
    let forms = forms(&gateway, key);
    assert_eq!(with_body, forms.iter().map(|form| form.id).collect(), "operations with a form");
    for Form { id, method, path, form } in &forms {
        let content = &description.operation(id)["requestBody"]["content"]["application/json"];
        let wrong = wrong_forms(&description, &content["schema"], form);
        assert!(wrong.len() > 20, "{id}");
        for Wrong { member, what, form } in wrong {
            let answer = gateway.call(key, method, path, &form);
            assert_eq!(answer.status, 400, "{id}: {member} is {what}: {}", answer.text());
            let names = named(&answer);
            assert_eq!(names, [member.to_lowercase()], "{id}: {what}: {}", answer.text());
        }
        for body in ["", "x", "{", "[]", "7", "null", "{\"name\":\"a\",\"name\":\"b\"}"] {
            let headers = [("Authorization", format!("Bearer {key}"))];
            let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
            let answer = super::running::exchange(
                gateway.management,
                method,
                path,
                &headers,
                body.as_bytes(),
            );
            assert_eq!(answer.status, 400, "{id}: {body}");
            assert!(answer.text().contains("the body"), "{id}: {body}: {}", answer.text());
        }
    }
}

#[test]
fn error_of_a_large_form_is_short_and_takes_little_memory() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let before = gateway.peak_mib();
    let url = "https://example.com/";
    let headers = json!({ "X-Many": vec![7; 200_000] });
    for (member, form) in [
        (
            "eventTypes",
            json!({ "name": "n", "endpoint": { "url": url }, "eventTypes": vec![7; 200_000] }),
        ),
        (
            "endpoint.headers",
            json!({ "name": "n", "endpoint": { "url": url, "headers": headers } }),
        ),
        (
            "failureHandling.alertEndpoint.headers",
            json!({ "name": "n", "endpoint": { "url": url },
                "failureHandling": { "alertEndpoint": { "url": url, "headers": headers } } }),
        ),
    ] {
        let answer = gateway.call(&subscribed.key, "POST", "/event/acme/webhooks", &form);
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(named(&answer)[0].starts_with(&member.to_lowercase()), "{}", answer.text());
        assert!(answer.body.len() < 4000, "{}", answer.body.len());
    }
    let used = gateway.peak_mib() - before;
    // The parsed forms take half of it. An error for each item would take as much again each time.
    assert!(used < 100, "{used} MiB for errors of forms of 400 KB");
}

#[test]
fn optional_member_may_be_missing_or_null() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let description = Description::of(&gateway);
    for (resource, id) in RESOURCES.iter().zip(["createWebhook", "PostWebhook"]) {
        let minimal = (resource.minimal)("https://example.com/hook");
        let content = &description.operation(id)["requestBody"]["content"]["application/json"];
        let mut with_null = minimal.clone();
        for (name, _) in description.properties(&content["schema"]) {
            if minimal.get(name).is_none() {
                with_null[name] = NOTHING;
            }
        }
        resource.create(&gateway, key, &with_null);
        let (path, created) = resource.create(&gateway, key, &minimal);
        if resource.method == "PATCH" {
            let mut changed = gateway.call_ok(key, "PATCH", &path, &json!({}));
            changed["endpoint"]["secret"] = created["endpoint"]["secret"].clone();
            assert_eq!(changed, created);
        }
    }
}

#[test]
fn answer_has_every_member_that_the_description_requires() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let description = Description::of(&gateway);
    let receiver = Receiver::new(|_, _| Reaction::Answers(500, "", ""));
    let ids = [
        ["createWebhook", "fetchWebhook", "updateWebhook"],
        ["PostWebhook", "GetWebhook", "PutWebhook"],
    ];
    for (resource, [create, read, change]) in RESOURCES.iter().zip(ids) {
        for form in [resource.minimal, resource.full] {
            let (path, created) = resource.create(&gateway, key, &form("https://example.com/"));
            description.assert_describes(create, &created);
            let webhook = gateway.call_ok(key, "GET", &path, &NOTHING);
            description.assert_describes(read, &webhook);
            let changed = gateway.call_ok(key, resource.method, &path, &webhook);
            description.assert_describes(change, &changed);
            let mut less = webhook;
            less.as_object_mut().unwrap().remove("name");
            let content = &description.operation(read)["responses"]["200"]["content"];
            let required = description.resolved(&content["application/json"]["schema"]);
            assert!(required["required"].as_array().unwrap().contains(&json!("name")));
        }
    }
    let webhook = gateway.subscribe(key, &receiver.url(), &json!({ "divert": true }));
    let mut form = (RESOURCES[1].minimal)(&receiver.url());
    form["name"] = "logged".into();
    let (logged, _) = RESOURCES[1].create(&gateway, key, &form);
    gateway.post_event("thing.made", "1");
    let diverted = format!("/event/acme/webhooks/{webhook}/diverted");
    let is_listed = |list: &Value| !list.as_array().unwrap().is_empty();
    let list = gateway.wait_until(key, &diverted, is_listed);
    let logs = gateway.wait_until(key, &format!("{logged}/logs"), is_listed);
    description.assert_describes("fetchMultipleDivertedEvents", &list);
    description.assert_describes("GetWebhookLogs", &logs);
    let event = list[0]["eventLocator"].as_str().unwrap();
    let request = list[0]["requestLocator"].as_str().unwrap();
    for (id, path) in [
        ("fetchDivertedEvent", format!("{diverted}/{event}")),
        ("fetchWebhooks", "/event/acme/webhooks/list".to_owned()),
        ("fetchWebhooks", "/event/acme/webhooks/list?extended=true".to_owned()),
        ("fetchEvent", format!("/event/acme/events/{event}")),
        ("fetchEventsForARequest", format!("/event/acme/events/request/{request}")),
        ("fetchMultipleEvents", "/event/acme/events/list".to_owned()),
        ("GetWebhooks", "/api/v1/webhooks".to_owned()),
        ("GetWebhookEventTypes", "/api/v1/webhooks/eventtypes".to_owned()),
        ("GetSlackEventTypes", "/api/v1/webhooks/eventtypes/slack".to_owned()),
        ("describe", "/openapi.json".to_owned()),
    ] {
        description.assert_describes(id, &gateway.call_ok(key, "GET", &path, &NOTHING));
    }
}

#[test]
fn description_has_unique_operation_names_and_no_schema_that_generators_cannot_read() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let description = Description::of(&gateway);
    let mut names = BTreeSet::new();
    for operation in description.operations() {
        let id = operation["operationId"].as_str().unwrap();
        assert!(names.insert(id.to_lowercase()), "`{id}` differs from another only in case");
    }
    let tags: BTreeSet<&str> = description.0["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    for operation in description.operations() {
        assert!(tags.contains(operation["tags"][0].as_str().unwrap()));
    }
    for (name, schema) in description.0["components"]["schemas"].as_object().unwrap() {
        let properties = schema["properties"].as_object();
        for (member, property) in properties.into_iter().flatten() {
            assert!(property.is_object(), "{name}.{member} is {property}");
        }
        for required in schema["required"].as_array().into_iter().flatten() {
            let required = required.as_str().unwrap();
            assert!(properties.unwrap().contains_key(required), "{name}.{required}");
        }
    }
}
