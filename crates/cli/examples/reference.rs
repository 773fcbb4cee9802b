//! Writes the pages of `docs/reference` that are made from the programs themselves: `cargo xtask docs` runs it.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a tool of the project's; its pages are under version control"
)]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use cli::environment::{Program, Variable};
use serde_json::Value;

/// Every page says so, and to readers of its source alone.
const GENERATED: &str = "<!-- Made by `cargo xtask docs`: do not edit. -->\n\n";

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("reference DIRECTORY");
        return ExitCode::from(2);
    };
    let programs = [
        cli::claude_accounts::command(),
        cli::claude_share::command(),
        cli::cs::command(),
    ];
    let mut pages = vec![
        ("exit-codes".to_owned(), exit_codes(&programs)),
        ("environment-variables".to_owned(), variables()),
        ("http-api".to_owned(), http_api(&dashboard::description())),
    ];
    let program =
        |command: &clap::Command| (command.get_name().to_owned(), program(command.clone()));
    pages.extend(programs.iter().map(program));
    for (name, text) in pages {
        let text = format!("{GENERATED}{}\n", text.trim_end());
        let file = directory.join(format!("{name}.md"));
        if let Err(error) = std::fs::write(&file, text) {
            eprintln!("{}: {error}", file.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// One program's page: each of its commands with what it takes.
fn program(mut command: clap::Command) -> String {
    command = command.disable_help_subcommand(true).term_width(usize::MAX);
    command.build();
    let name = command.get_name().to_owned();
    let about = command.get_about().unwrap();
    let mut page = format!("# `{name}`\n\n{about}. `{name} help COMMAND` prints the same.\n\n");
    page.push_str("| command | |\n|---|---|\n");
    for below in visible(&command) {
        let (full, about) = (
            format!("{name} {}", below.get_name()),
            below.get_about().unwrap(),
        );
        writeln!(
            page,
            "| [`{full}`](#{}) | {} |",
            anchor(&full),
            cell(&about.to_string())
        )
        .unwrap();
    }
    page.push_str("\nEvery command takes:\n\n");
    let is_global = |argument: &&clap::Arg| argument.is_global_set() || argument.get_id() == "help";
    page.push_str(&arguments(command.get_arguments().filter(is_global)));
    page.push_str("\n[Exit codes](exit-codes.md) and [environment variables](environment-variables.md) have pages of their own.\n");
    for below in visible(&command) {
        describe(below, &name, 2, &mut page);
    }
    page
}

fn visible(command: &clap::Command) -> impl Iterator<Item = &clap::Command> {
    command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
}

fn describe(command: &clap::Command, above: &str, level: usize, page: &mut String) {
    let name = format!("{above} {}", command.get_name());
    let about = command.get_long_about().or(command.get_about()).unwrap();
    write!(
        page,
        "\n{} `{name}`\n\n{}\n",
        "#".repeat(level),
        sentences(&about.to_string())
    )
    .unwrap();
    let aliases: Vec<String> = command
        .get_visible_aliases()
        .map(|alias| format!("`{above} {alias}`"))
        .collect();
    if !aliases.is_empty() {
        write!(page, "\nAlso {}.\n", aliases.join(", ")).unwrap();
    }
    if visible(command).next().is_none() || !command.is_subcommand_required_set() {
        let usage = command.clone().bin_name(&name).render_usage().to_string();
        let usage = usage
            .trim_start_matches("Usage:")
            .trim()
            .lines()
            .map(str::trim);
        write!(
            page,
            "\n```text\n{}\n```\n",
            usage.collect::<Vec<_>>().join("\n")
        )
        .unwrap();
    }
    let own = command.get_arguments().filter(|argument| {
        !argument.is_hide_set()
            && !argument.is_global_set()
            && !["help", "version"].contains(&argument.get_id().as_str())
    });
    let own = arguments(own);
    if !own.is_empty() {
        write!(page, "\n{own}").unwrap();
    }
    if let Some(after) = command.get_after_long_help().or(command.get_after_help()) {
        write!(page, "\n```text\n{}\n```\n", after.to_string().trim_end()).unwrap();
    }
    for below in visible(command) {
        describe(below, &name, level + 1, page);
    }
}

/// A table; empty where there is none.
fn arguments<'a>(arguments: impl Iterator<Item = &'a clap::Arg>) -> String {
    let mut table = String::new();
    for argument in arguments.filter(|argument| !argument.is_hide_set()) {
        let help = argument
            .get_long_help()
            .or(argument.get_help())
            .map(ToString::to_string);
        let mut help = sentences(help.unwrap_or_default().trim());
        if !argument.is_hide_possible_values_set() && argument.get_action().takes_values() {
            let values = argument.get_possible_values();
            let values: Vec<String> = values
                .iter()
                .filter(|value| !value.is_hide_set())
                .map(value)
                .collect();
            if !values.is_empty() {
                write!(help, " One of {}.", values.join(", ")).unwrap();
            }
        }
        let defaults = argument.get_default_values().iter();
        let defaults: Vec<_> = defaults
            .map(|value| format!("`{}`", value.to_string_lossy()))
            .collect();
        if !defaults.is_empty()
            && argument.get_action().takes_values()
            && !argument.is_hide_default_value_set()
        {
            write!(help, " {} if not given.", defaults.join(", ")).unwrap();
        }
        writeln!(
            table,
            "| `{}` | {} |",
            cell(&spelled(argument)),
            cell(&help)
        )
        .unwrap();
    }
    if table.is_empty() {
        table
    } else {
        format!("| | |\n|---|---|\n{table}")
    }
}

fn value(value: &clap::builder::PossibleValue) -> String {
    let name = format!("`{}`", value.get_name());
    value
        .get_help()
        .map_or(name.clone(), |help| format!("{name} ({help})"))
}

/// As it is typed: `-q, --quiet`, `--vault <DIR>`, `<NAME>`.
fn spelled(argument: &clap::Arg) -> String {
    let names = argument
        .get_value_names()
        .unwrap_or_default()
        .iter()
        .map(|name| format!("<{name}>"));
    let mut values = names.collect::<Vec<_>>().join(" ");
    if argument
        .get_num_args()
        .is_some_and(|count| count.max_values() > 1)
        && argument
            .get_value_names()
            .is_some_and(|names| names.len() == 1)
    {
        values.push('…');
    }
    let takes = argument.get_action().takes_values();
    let optional = argument
        .get_num_args()
        .is_some_and(|count| count.min_values() == 0);
    if takes && optional && !argument.is_positional() {
        values = format!("[{values}]");
    }
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let spelled = [short, long]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ");
    match (spelled.is_empty(), takes) {
        (true, _) if argument.is_required_set() => values,
        (true, _) => format!("[{values}]"),
        (false, true) => format!("{spelled} {values}"),
        (false, false) => spelled,
    }
}

/// Help has no full stop at the end of a paragraph.
fn sentences(text: &str) -> String {
    let finish = |paragraph: &str| match paragraph.trim_end() {
        text if text.is_empty() || text.ends_with(['.', ':', '!', '?']) => text.to_owned(),
        text => format!("{text}."),
    };
    let paragraphs: Vec<String> = text.split("\n\n").map(finish).collect();
    paragraphs.join("\n\n")
}

/// Text in a table.
fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

/// What mdBook and GitHub make of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| {
        if letter == ' ' {
            '-'
        } else {
            letter.to_ascii_lowercase()
        }
    })
    .collect()
}

fn exit_codes(programs: &[clap::Command]) -> String {
    let mut page = String::from(
        "# Exit codes\n\nEvery failure says on standard error what went wrong (`error: …`) and what to do (`hint: …`), and has an exit code of its \
         own.\nThe list of each program is at the end of its `--help`. After a successful `claude-accounts launch` the exit code is the client's, \
         after `cs live`\nand `cs run` the program's.\n\n",
    );
    for program in programs {
        let help = program.get_after_long_help().unwrap().to_string();
        let list = help.split_once("Exit codes:\n").unwrap().1;
        let list = list.split("\n\n").next().unwrap();
        write!(
            page,
            "## `{}`\n\n| code | meaning |\n|---:|---|\n",
            program.get_name()
        )
        .unwrap();
        for line in list.lines() {
            let (code, meaning) = line.trim().split_once("  ").unwrap();
            writeln!(page, "| {code} | {} |", cell(&sentences(meaning.trim()))).unwrap();
        }
        page.push('\n');
    }
    page
}

fn variables() -> String {
    let mut page = String::from(
        "# Environment variables\n\nThese are all that the programs read; one that is set to nothing counts as not set. Libraries also read the \
         proxies\n(`HTTPS_PROXY`, `NO_PROXY` and the like) and certificates (`SSL_CERT_FILE`, `SSL_CERT_DIR`).\n\n",
    );
    page.push_str("| variable | read by | meaning |\n|---|---|---|\n");
    let names = ["`claude-accounts`", "`claude-share`", "`cs`"];
    for variable in Variable::ALL {
        let readers = Program::ALL
            .iter()
            .zip(names)
            .filter(|(program, _)| variable.is_read_by(**program));
        let readers: Vec<&str> = readers.map(|(_, name)| name).collect();
        let readers = if readers.len() == names.len() {
            "all".to_owned()
        } else {
            readers.join(", ")
        };
        writeln!(
            page,
            "| `{}` | {readers} | {} |",
            variable.name(),
            cell(&sentences(variable.meaning()))
        )
        .unwrap();
    }
    page
}

/// The API's page, from its OpenAPI document.
fn http_api(document: &str) -> String {
    let document: Value = serde_json::from_str(document).unwrap();
    let about = document["info"]["description"].as_str().unwrap();
    let mut page = format!(
        "# HTTP API\n\nOf `claude-accounts serve`, which answers `GET /api/openapi.json` with this as an OpenAPI 3.1 document.\n\n{about}\n\n\
         What has examples is in [the dashboard's page](../dashboard.md#api).\n\n"
    );
    let operations = operations(&document);
    let mut tags: Vec<&str> = operations.iter().map(|operation| operation.tag).collect();
    tags.sort_unstable();
    tags.dedup();
    page.push_str("| | |\n|---|---|\n");
    for operation in &operations {
        let (title, summary) = (
            operation.title(),
            operation.about["summary"].as_str().unwrap_or_default(),
        );
        writeln!(
            page,
            "| [`{title}`](#{}) | {} |",
            anchor(&title),
            cell(summary)
        )
        .unwrap();
    }
    for tag in tags {
        write!(page, "\n## {tag}\n").unwrap();
        for operation in operations.iter().filter(|operation| operation.tag == tag) {
            operation.describe(&mut page);
        }
    }
    page.push_str("\n## Bodies\n");
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        describe_schema(name, schema, &mut page);
    }
    page
}

struct Operation<'a> {
    method: String,
    path: &'a str,
    tag: &'a str,
    about: &'a Value,
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, about) in item.as_object().unwrap() {
            if ["get", "put", "post", "delete", "patch"].contains(&method.as_str()) {
                let tag = about["tags"][0].as_str().unwrap_or("other");
                operations.push(Operation {
                    method: method.to_uppercase(),
                    path,
                    tag,
                    about,
                });
            }
        }
    }
    operations
}

impl Operation<'_> {
    fn title(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn describe(&self, page: &mut String) {
        let about = self.about;
        write!(
            page,
            "\n### `{}`\n\n{}\n",
            self.title(),
            sentences(about["summary"].as_str().unwrap_or_default())
        )
        .unwrap();
        if let Some(text) = about["description"].as_str() {
            write!(page, "\n{}\n", sentences(text)).unwrap();
        }
        if about["security"][0]
            .as_object()
            .is_some_and(serde_json::Map::is_empty)
        {
            page.push_str("\nWithout signing in.\n");
        }
        let parameters = about["parameters"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        if !parameters.is_empty() {
            page.push_str("\n| parameter | in | type | |\n|---|---|---|---|\n");
        }
        for parameter in parameters {
            let [name, place, text] = ["name", "in", "description"]
                .map(|key| parameter[key].as_str().unwrap_or_default());
            writeln!(
                page,
                "| `{name}` | {place} | {} | {} |",
                kind(&parameter["schema"]),
                cell(text)
            )
            .unwrap();
        }
        let body = &about["requestBody"]["content"];
        for (media, content) in body.as_object().into_iter().flatten() {
            write!(page, "\nBody ({media}): {}.\n", kind(&content["schema"])).unwrap();
        }
        page.push_str("\n| status | | body |\n|---:|---|---|\n");
        for (status, response) in about["responses"].as_object().unwrap() {
            let text = response["description"].as_str().unwrap_or_default();
            let bodies = response["content"].as_object().into_iter().flatten();
            let bodies: Vec<String> = bodies
                .map(|(_, content)| kind(&content["schema"]))
                .collect();
            writeln!(
                page,
                "| {status} | {} | {} |",
                cell(text),
                bodies.join(", ")
            )
            .unwrap();
        }
    }
}

fn describe_schema(name: &str, schema: &Value, page: &mut String) {
    write!(page, "\n### {name}\n").unwrap();
    if let Some(text) = schema["description"].as_str() {
        write!(page, "\n{}\n", sentences(text)).unwrap();
    }
    let parts = schema["allOf"]
        .as_array()
        .map_or(vec![schema], |parts| parts.iter().collect());
    let fields: Vec<(&Value, &String, &Value)> = parts
        .iter()
        .flat_map(|part| {
            part["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(field, about)| (&part["required"], field, about))
        })
        .collect();
    if fields.is_empty() {
        write!(page, "\n{}\n", sentences(&kind(schema))).unwrap();
        return;
    }
    page.push_str("\n| field | type | |\n|---|---|---|\n");
    for (required, field, about) in fields {
        let is_required = required
            .as_array()
            .is_some_and(|names| names.iter().any(|name| name == field));
        let text = about["description"].as_str().unwrap_or_default();
        let optional = if is_required { "" } else { ", optional" };
        writeln!(
            page,
            "| `{field}` | {}{optional} | {} |",
            kind(about),
            cell(text)
        )
        .unwrap();
    }
}

/// A schema in a few words.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return format!("[{name}](#{})", anchor(name));
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(kinds) = schema[key].as_array() {
            return kinds.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return values
            .iter()
            .map(|value| {
                format!(
                    "`{}`",
                    value.as_str().map_or(value.to_string(), str::to_owned)
                )
            })
            .collect::<Vec<_>>()
            .join(" or ");
    }
    let one = |name: &str| match name {
        "array" => format!("array of {}", kind(&schema["items"])),
        other => other.to_owned(),
    };
    match &schema["type"] {
        Value::String(name) => one(name),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .map(one)
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "any".to_owned(),
    }
}
