//! Timing of wrong signatures, for `tests/timing.sh`, which counts the instructions until they are
//! refused. If the time depended on the first wrong byte, an attacker could find the valid
//! signature byte by byte.
//!
//! `timing PROVIDER`: the sample of a recipe, decided many times with a signature that is wrong in
//! its first byte, in a middle byte, in its last byte, or in all bytes. Nothing else differs,
//! including the positions in memory.

use std::error::Error;
use std::hint::black_box;

use hookgate::engine::{Machine, Time};
use hookgate::listener::{
    DecisionContext, Listener, Outcome, Presented, Request, Sample, Unlimited, decide, find_recipe,
};

/// The number of decided requests for each wrong byte.
const TIMES: usize = 500;

/// The listener and the machine that decide.
struct Case {
    listener: Listener,
    machine: Machine,
    now: Time,
}

impl Case {
    /// Returns the number of refused requests, which must be all of them. This function is
    /// measured.
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
            keys: &hookgate::listener::NoKeys,
        };
        decide(&self.listener, &request, self.now, &mut surroundings).outcome
    }
}

/// Another character of the same class, because the time to parse a signature may depend on its
/// characters and reveals nothing about the valid one.
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

/// Returns a sample whose signature header is wrong at some positions.
fn wrong(sample: &Sample, header: &str, is_wrong: impl Fn(usize, usize) -> bool) -> Sample {
    let mut changed = sample.clone();
    let mut headers = changed.headers.iter_mut();
    if let Some((_, value)) = headers.find(|(name, _)| name == header) {
        let begin =
            if value.starts_with("sha") { value.find('=').map_or(0, |at| at + 1) } else { 0 };
        let (head, signature) = value.split_at(begin);
        // The last character of base64 has bits that must be zero, so the last free character is
        // before it.
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
        return Err("the sample is not accepted".into());
    }
    let names = sample.headers.iter().map(|(name, _)| name.as_str());
    let mut signed = names.filter(|name| {
        case.decided(&wrong(sample, name, |at, _| at == 0)) == Outcome::VerificationFailed
    });
    let header = signed.next().ok_or("no header holds a signature")?;
    drop(signed);
    let places: [fn(usize, usize) -> bool; 8] = [
        // Warms up: fills the caches, and allocates memory at its final positions.
        |at, length| at < length,
        |at, length| at == length / 2,
        |at, _| at == 0,
        |at, length| at + 1 == length,
        // The measured part.
        |at, _| at == 0,
        |at, length| at == length / 2,
        |at, length| at + 1 == length,
        |at, length| at < length,
    ];
    let forged = places.map(|is_wrong| wrong(sample, header, is_wrong));
    let mut sent = sample.clone();
    for forged in &forged {
        // Into the memory of the previous request, so that the allocator has no effect.
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
