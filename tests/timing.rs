//! Signatures that are wrong in one place or another, so that `tests/timing.sh` can count what it
//! takes to refuse them. Whoever could tell where a signature begins to differ would find the right
//! one byte by byte.
//!
//! `timing PROVIDER`: the sample of a recipe, decided many times with a signature that is wrong in its
//! first byte, then in a middle one, its last, and all of them. Nothing else differs, nor where
//! anything stands in memory.

use std::error::Error;
use std::hint::black_box;

use hookgate::engine::{Machine, Time};
use hookgate::listener::{
    DecisionContext, Listener, Outcome, Presented, Request, Sample, Unlimited, decide, find_recipe,
};

/// How many requests are decided for each place.
const TIMES: usize = 500;

/// What decides: one listener, one machine.
struct Case {
    listener: Listener,
    machine: Machine,
    now: Time,
}

impl Case {
    /// How many of the requests were refused, which has to be all. What is counted.
    #[inline(never)]
    fn refused(&mut self, sample: &Sample) -> usize {
        (0..TIMES).filter(|_| self.decided(sample) == Outcome::VerificationFailed).count()
    }

    fn decided(&mut self, sample: &Sample) -> Outcome {
        let headers: Vec<(&str, &str)> =
            sample.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = sample.body.as_deref().unwrap_or_default();
        let request = Request {
            id: "1",
            method: &sample.method,
            url: "https://hooks.example.com/hook",
            raw_query: "",
            headers: &headers,
            raw_body: body,
            unpacked: body,
            remote_address: None,
            received_at: self.now,
        };
        let mut surroundings = DecisionContext {
            machine: &mut self.machine,
            limiter: &mut Unlimited,
            presented: &Presented::None,
        };
        decide(&self.listener, &request, self.now, &mut surroundings).outcome
    }
}

/// Another character of the same class: how long it takes to read a signature is up to who sends
/// it, and says nothing of the right one.
fn next(letter: char) -> char {
    match letter {
        '0'..='8' | 'a'..='e' | 'A'..='E' => char::from(letter as u8 + 1),
        '9' => '0',
        'f'..='y' | 'F'..='Y' => char::from(letter as u8 - 1),
        'z' => 'm',
        'Z' => 'M',
        _ => letter,
    }
}

/// A sample with a header, that of the signature, wrong in some places.
fn wrong(sample: &Sample, header: &str, is_wrong: impl Fn(usize, usize) -> bool) -> Sample {
    let mut changed = sample.clone();
    let mut headers = changed.headers.iter_mut();
    if let Some((_, value)) = headers.find(|(name, _)| name == header) {
        let begin =
            if value.starts_with("sha") { value.find('=').map_or(0, |at| at + 1) } else { 0 };
        let (head, signature) = value.split_at(begin);
        // The last character of base64 has bits that have to be zero: the last that is free is before it.
        let length = signature.trim_end_matches('=').len() - 1;
        let letters = signature.chars().enumerate();
        let letters = letters.map(|(at, one)| if is_wrong(at, length) { next(one) } else { one });
        let changed = format!("{head}{}", letters.collect::<String>());
        *value = changed;
    }
    changed
}

fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).ok_or("timing PROVIDER")?;
    let recipe = find_recipe(&name).ok_or("there is no such recipe")?;
    let valid = recipe.samples.iter().filter(|one| one.expect == "accepted" && one.url.is_none());
    let sample = valid.max_by_key(|sample| sample.headers.len()).ok_or("it has no sample")?;
    let loaded = recipe.listener(&sample.secrets, &sample.vars);
    let listener = loaded.listener.ok_or("it does not load")?;
    let now = sample.now.ok_or("the sample has no time")?;
    let mut case = Case { listener, machine: Machine::default(), now };
    if case.decided(sample) != Outcome::Accepted {
        return Err("the sample is not taken".into());
    }
    let names = sample.headers.iter().map(|(name, _)| name.as_str());
    let mut signed = names.filter(|name| {
        case.decided(&wrong(sample, name, |at, _| at == 0)) == Outcome::VerificationFailed
    });
    let header = signed.next().ok_or("no header holds a signature")?;
    drop(signed);
    let places: [fn(usize, usize) -> bool; 8] = [
        // To warm up: what is kept from request to request is filled, and memory in its places.
        |at, length| at < length,
        |at, length| at == length / 2,
        |at, _| at == 0,
        |at, length| at + 1 == length,
        // What is counted.
        |at, _| at == 0,
        |at, length| at == length / 2,
        |at, length| at + 1 == length,
        |at, length| at < length,
    ];
    let forged = places.map(|is_wrong| wrong(sample, header, is_wrong));
    let mut sent = sample.clone();
    for forged in &forged {
        // Into the memory of the one before, so that the allocator has no part in it.
        for ((_, value), (_, forged)) in sent.headers.iter_mut().zip(&forged.headers) {
            value.clear();
            value.push_str(forged);
        }
        let refused = case.refused(black_box(&sent));
        if refused != TIMES {
            return Err(format!("{refused} of {TIMES} were refused").into());
        }
    }
    Ok(())
}
