//! `/schedules`: what is begun by itself.

use auth::SystemAction;
use metadata::Schedule;
use serde::Serialize;
use utoipa::ToSchema;

use super::Result;
use super::extract::Asked;
use super::json::Time;
use super::page::Paging;
use crate::error::Error;

#[derive(Serialize, ToSchema)]
#[schema(as = ScheduleTask)]
struct ScheduleBody {
    id: i64,
    /// The kind of work.
    vendor_type: String,
    cron: String,
    update_time: Time,
}

impl From<(String, Schedule)> for ScheduleBody {
    fn from((kind, schedule): (String, Schedule)) -> Self {
        Self {
            id: schedule.id,
            vendor_type: kind,
            cron: schedule.cron,
            update_time: schedule.updated_at.into(),
        }
    }
}

/// All schedules.
#[utoipa::path(
    get,
    path = "/schedules",
    operation_id = "listSchedules",
    tag = "schedule",
    params(Paging),
    responses((status = 200, body = Vec<ScheduleBody>)),
)]
pub(super) async fn list(asked: Asked, paging: Paging) -> Result {
    let access = asked.system(SystemAction::JobServiceMonitorList).await?;
    let schedules = asked.state.registry().schedules(&access).await;
    let schedules = schedules.map_err(Error::of_management)?;
    let total = schedules.len() as u64;
    let bodies: Vec<ScheduleBody> = schedules.into_iter().map(ScheduleBody::from).collect();
    Ok(paging.answer(paging.part_of(&bodies), total))
}
