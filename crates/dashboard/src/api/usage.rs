//! How often accounts were launched, by day.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::Query;
use super::refusals::Refusals;
use crate::access::Reader;
use crate::app::App;
use crate::clock;
use crate::error::ApiError;

/// Most days that are asked for; no more are kept.
const MOST_DAYS: u32 = 400;
const USUAL_DAYS: u32 = 30;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(usage))
}

/// Which days are meant.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct UsageQuery {
    /// How many, today included; 30 if it is not given.
    #[param(minimum = 1, maximum = 400)]
    days: Option<u32>,
}

/// Launches by day.
#[derive(Serialize, ToSchema)]
struct Usage {
    /// Every day, oldest first.
    days: Vec<UsageDay>,
}

/// The launches of one day.
#[derive(Serialize, ToSchema)]
struct UsageDay {
    /// `YYYY-MM-DD`, in UTC.
    day: String,
    /// How many of each account, by its identifier.
    launches: BTreeMap<String, u64>,
}

/// How often accounts were launched
#[utoipa::path(
    get, path = "/api/usage", tag = "accounts", params(UsageQuery),
    responses(
        (status = 200, description = "Every day, oldest first.", body = Usage),
        Refusals,
    ),
)]
async fn usage(
    _caller: Reader,
    State(app): State<Arc<App>>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<Usage>, ApiError> {
    let count = query.days.unwrap_or(USUAL_DAYS);
    if !(1..=MOST_DAYS).contains(&count) {
        let message = format!("`days` is not what is expected there: 1 to {MOST_DAYS}");
        return Err(ApiError::bad_request(message));
    }
    let days = last_days(today()?, count)?;
    let first = days.first().cloned().unwrap_or_default();
    let counted = app.vaults.quick(move |vault| vault.launches_since(&first));
    let mut by_day: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for one in counted.await? {
        let launches = by_day.entry(one.day).or_default();
        launches.insert(one.account.to_string(), one.count);
    }
    let days = days.into_iter().map(|day| UsageDay {
        launches: by_day.remove(&day).unwrap_or_default(),
        day,
    });
    Ok(Json(Usage {
        days: days.collect(),
    }))
}

fn today() -> Result<Date, ApiError> {
    let now = Timestamp::from_millisecond(clock::now()).map_err(|_| no_calendar())?;
    Ok(now.to_zoned(TimeZone::UTC).date())
}

fn last_days(today: Date, count: u32) -> Result<Vec<String>, ApiError> {
    let day = |ago: u32| {
        let date = today.checked_sub(i64::from(ago).days());
        date.map(|date| date.to_string()).map_err(|_| no_calendar())
    };
    (0..count).rev().map(day).collect()
}

fn no_calendar() -> ApiError {
    ApiError::internal("the machine's clock shows a time that no calendar has")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_end_today_and_cross_months() {
        let days = last_days(Date::constant(2026, 3, 2), 4).unwrap();
        assert_eq!(
            days,
            ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]
        );
        assert!(last_days(Date::constant(-9999, 1, 1), 2).is_err());
    }
}
