//! What the pages are made of.

mod azulejo;
mod call_form;
mod compare;
mod dead_tiles;
mod drop_zone;
mod file_choice;
mod focus;
mod header;
mod job_actions;
mod job_table;
mod kept;
mod meter;
mod mosaic;
mod notice;
mod operation_menu;
mod page_choice;
mod preset_menu;
#[cfg(feature = "hydrate")]
mod preview;
mod recipe_builder;
mod recipe_title;
mod recipe_tools;
mod replay_all;
mod sign_out;
mod sparkline;
mod stages;
mod step_card;
mod submit_panel;
mod tab;
mod theme_switch;
mod tile_caption;
mod upload_progress;
mod worker_list;

pub use azulejo::{Azulejo, Logo};
pub use compare::Compare;
pub use dead_tiles::DeadTiles;
pub use drop_zone::DropZone;
pub use file_choice::FileChoice;
pub use header::Header;
pub use job_actions::{JobActions, in_place};
pub use job_table::JobTable;
pub use kept::Kept;
pub use meter::Meter;
pub use mosaic::MosaicFigure;
pub use notice::{FailureNotice, InstallationNotice};
pub use page_choice::PageChoice;
#[cfg(feature = "hydrate")]
pub use preview::Preview;
pub use recipe_builder::RecipeBuilder;
pub use recipe_title::RecipeTitle;
pub use replay_all::ReplayAll;
pub use sparkline::Sparkline;
pub use stages::Stages;
pub use submit_panel::{Phase, SubmitPanel};
pub use tab::TabProgress;
#[cfg(feature = "hydrate")]
pub use upload_progress::{Line, percent};
pub use upload_progress::{Sending, UploadControls, UploadProgress};
pub use worker_list::{WorkerList, WorkersOnJob};
