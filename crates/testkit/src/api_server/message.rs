//! The answer to one message.

use super::{REPLY, ToolUse};
use crate::http::Response;
use serde_json::{Value, json};

/// What is said next in the conversation of `body`: the use of the first of `uses` that has no result in it yet, or
/// [`REPLY`].
pub(super) fn answer(body: &[u8], uses: &[ToolUse]) -> Response {
    let Ok(asked) = serde_json::from_slice::<Value>(body) else {
        let error = json!({"type": "invalid_request_error", "message": "The request body is not valid JSON"});
        return Response::json(400, &json!({"type": "error", "error": error}));
    };
    let block = next_block(&asked, uses);
    let mut message = json!({
        "id": "msg_01StandIn",
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": [block],
        "stop_reason": stop_reason(&block),
        "stop_sequence": null,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    });
    if asked["stream"] != true {
        return Response::json(200, &message);
    }
    message["content"] = json!([]);
    message["stop_reason"] = Value::Null;
    Response::text(200, "text/event-stream", events(&message, &block))
}

/// A conversation has no state here: what has been done stands in every request of it.
fn next_block(asked: &Value, uses: &[ToolUse]) -> Value {
    let offered: Vec<&Value> = list(&asked["tools"]).map(|tool| &tool["name"]).collect();
    let done = list(&asked["messages"])
        .flat_map(|message| list(&message["content"]))
        .filter(|block| block["type"] == "tool_result")
        .count();
    match uses.get(done) {
        Some(next) if offered.contains(&&json!(next.tool)) => json!({
            "type": "tool_use",
            "id": format!("toolu_01StandIn{done}"),
            "name": next.tool,
            "input": next.input,
        }),
        _ => json!({"type": "text", "text": REPLY}),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn stop_reason(block: &Value) -> &'static str {
    match block["type"].as_str() {
        Some("tool_use") => "tool_use",
        _ => "end_turn",
    }
}

fn events(message: &Value, block: &Value) -> String {
    let (mut begun, part) = (block.clone(), block_part(block));
    match begun["type"].as_str() {
        Some("tool_use") => begun["input"] = json!({}),
        _ => begun["text"] = json!(""),
    }
    let delta = json!({"stop_reason": stop_reason(block), "stop_sequence": null});
    [
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": begun}),
        json!({"type": "content_block_delta", "index": 0, "delta": part}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ]
    .iter()
    .map(|event| {
        let kind = event["type"].as_str().unwrap_or_default();
        format!("event: {kind}\ndata: {event}\n\n")
    })
    .collect()
}

/// The whole block in one piece.
fn block_part(block: &Value) -> Value {
    match block["type"].as_str() {
        Some("tool_use") => {
            json!({"type": "input_json_delta", "partial_json": block["input"].to_string()})
        }
        _ => json!({"type": "text_delta", "text": block["text"]}),
    }
}
