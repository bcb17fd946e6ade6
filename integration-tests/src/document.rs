//! `wire/PROTOCOL.md` as tests read it: its tables of states, its examples, its limits and codes. What stands there has its
//! tests by standing there.
//!
//! It must not know the product, nor what the tests make of what it finds. Text in a table that it cannot read fails the
//! test.

use serde_json::Value;

const TEXT: &str = include_str!("../../wire/PROTOCOL.md");

/// One row of a table of states.
#[derive(Debug, Clone)]
pub struct State {
    /// What it is called.
    pub name: String,
    /// The messages that lead to it from outside the table.
    pub after: Vec<Move>,
    /// What may come, and where it leads.
    pub moves: Vec<Move>,
    /// How anything else is answered; empty where the table does not say.
    pub otherwise: String,
}

/// A message in a table of states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Its type.
    pub message: String,
    /// What stands in parentheses behind it.
    pub condition: String,
    /// The state that it leads to; its own where none is named.
    pub leads_to: String,
}

/// A line of the table of limits.
#[derive(Debug, Clone)]
pub struct Limit {
    /// Its name.
    pub name: String,
    /// Its value, with its unit.
    pub value: String,
    /// What happens past it.
    pub past_it: String,
}

/// What a client may send in each state of a session.
pub fn session_states() -> Vec<State> {
    rows("state of the session", 3).iter().map(|row| state(row[0], "", row[1], row[2])).collect()
}

/// Every type of request: what a client may send in an open session.
pub fn request_types() -> Vec<String> {
    let mut types: Vec<String> = Vec::new();
    for request in &state_named(&session_states(), "open").moves {
        if !types.contains(&request.message) {
            types.push(request.message.clone());
        }
    }
    types
}

/// What a server may send in each state of an answer.
pub fn answer_states() -> Vec<State> {
    rows("state of an answer", 3).iter().map(|row| state(row[0], row[1], row[2], "")).collect()
}

/// What may be sent in each state of a link.
pub fn link_states() -> Vec<State> {
    rows("state of the link", 3).iter().map(|row| state(row[0], "", row[1], row[2])).collect()
}

/// The state of that name.
///
/// # Panics
/// When there is none.
pub fn state_named<'a>(states: &'a [State], name: &str) -> &'a State {
    states.iter().find(|state| state.name == name).unwrap_or_else(|| panic!("no state is called {name}"))
}

/// All types that may stand in the whole answer to a message of that type.
pub fn answers_to(message: &str) -> Vec<String> {
    let states = answer_states();
    let mut reached: Vec<&State> =
        states.iter().filter(|state| state.after.iter().any(|after| after.message == message)).collect();
    let mut next = 0;
    while let Some(state) = reached.get(next).copied() {
        next += 1;
        let leads_on = |other: &&State| state.moves.iter().any(|message| message.leads_to == other.name);
        let found: Vec<&State> = states.iter().filter(leads_on).collect();
        found.into_iter().for_each(|other| {
            if !reached.iter().any(|known| known.name == other.name) {
                reached.push(other);
            }
        });
    }
    let own = reached.into_iter().flat_map(|state| &state.moves).map(|message| message.message.clone());
    own.chain(["refused", "working"].map(str::to_owned)).collect()
}

/// The messages of all examples of openings and sessions.
pub fn examples() -> Vec<Value> {
    blocks("```json\n")
}

/// The messages of all examples of links.
pub fn link_examples() -> Vec<Value> {
    blocks("```json link\n")
}

/// The type of a message.
///
/// # Panics
/// When it has none.
pub fn type_of(message: &Value) -> &str {
    message["type"].as_str().unwrap_or_else(|| panic!("a message without a type: {message}"))
}

/// The first example of that type, of whatever kind.
///
/// # Panics
/// When there is none.
pub fn example_of(message: &str) -> Value {
    let mut all = examples().into_iter().chain(link_examples());
    all.find(|example| type_of(example) == message)
        .unwrap_or_else(|| panic!("PROTOCOL.md has no example of {message}"))
}

/// The fields that may be left out of a message.
///
/// # Panics
/// When a row has a condition that nobody here knows.
pub fn optional_fields_of(message: &Value) -> Vec<String> {
    let fits = |row: &Move| match row.condition.as_str() {
        "" => true,
        "over a link" => message.get("id").is_none(),
        other => panic!("what does {other:?} mean?"),
    };
    let of_it = |(row, _): &(Move, Vec<String>)| row.message == type_of(message) && fits(row);
    optional_fields().into_iter().filter(of_it).flat_map(|(_, fields)| fields).collect()
}

/// The table of optional fields: a type with its condition, and its fields.
pub fn optional_fields() -> Vec<(Move, Vec<String>)> {
    let names = |cell| moves(cell, "").into_iter().map(|field| field.message).collect();
    rows("message", 2).iter().map(|row| (one_move(row[0], ""), names(row[1]))).collect()
}

/// The table of limits.
pub fn limits() -> Vec<Limit> {
    let limit = |row: &Vec<&str>| Limit {
        name: row[0].trim_matches('`').to_owned(),
        value: row[1].to_owned(),
        past_it: row[2].to_owned(),
    };
    rows("name", 3).iter().map(limit).collect()
}

/// A limit that is a number.
///
/// # Panics
/// When there is none of that name.
pub fn limit(name: &str) -> usize {
    let limit = limits().into_iter().find(|limit| limit.name == name);
    limit.and_then(|limit| limit.value.parse().ok()).unwrap_or_else(|| panic!("{name} is no limit"))
}

/// All codes.
///
/// # Panics
/// When the section is gone.
pub fn codes() -> Vec<String> {
    let section = TEXT.split("\n## 10. Codes\n").nth(1).expect("a section of codes");
    let list = section.trim_start().split("\n\n").next().unwrap_or_default();
    list.split_whitespace().map(|code| code.trim_matches('`').to_owned()).collect()
}

/// The cells of the table whose first heading is this.
fn rows(heading: &str, width: usize) -> Vec<Vec<&'static str>> {
    let start = format!("\n| {heading} |");
    let table = TEXT.split(start.as_str()).nth(1).unwrap_or_else(|| panic!("no table of {heading}"));
    let lines = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = |line: &'static str| -> Vec<&str> {
        let inner = line.trim_matches('|');
        let cells: Vec<&str> = inner.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), width, "a row of another width: {line}");
        cells
    };
    lines.map(cells).collect()
}

fn state(name: &str, after: &str, moves_cell: &str, otherwise: &str) -> State {
    let name = italic(name);
    let (after, moves) = (moves(after, &name), moves(moves_cell, &name));
    State { name, after, moves, otherwise: otherwise.trim_matches('`').to_owned() }
}

/// Messages with their conditions and where they lead: `` `a`, `b` (small) → *open* ``.
fn moves(cell: &str, state: &str) -> Vec<Move> {
    cell.split(", ").filter(|item| !item.is_empty()).map(|item| one_move(item, state)).collect()
}

fn one_move(item: &str, state: &str) -> Move {
    let unreadable = || panic!("no message of a table: {item}");
    let (said, leads_to) = match item.split_once(" → ") {
        Some((said, target)) => (said, italic(target)),
        None => (item, state.to_owned()),
    };
    let (message, rest) =
        said.strip_prefix('`').and_then(|said| said.split_once('`')).unwrap_or_else(unreadable);
    let condition = match rest.trim() {
        "" => "",
        words => words
            .strip_prefix('(')
            .and_then(|words| words.strip_suffix(')'))
            .unwrap_or_else(|| panic!("no condition: {item}")),
    };
    Move { message: message.to_owned(), condition: condition.to_owned(), leads_to }
}

fn italic(text: &str) -> String {
    let name = text.strip_prefix('*').and_then(|text| text.strip_suffix('*'));
    name.unwrap_or_else(|| panic!("no name of a state: {text}")).to_owned()
}

fn blocks(fence: &str) -> Vec<Value> {
    let blocks = TEXT.split(fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    blocks.flat_map(str::lines).map(parse).collect()
}
