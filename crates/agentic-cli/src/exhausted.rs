//! What happens when a run's budget is exhausted: as it is asked for, and as it is kept with the run.

use std::str::FromStr;

use agentic::core::{ModelInfo, WhenExhausted};
use serde::{Deserialize, Deserializer, Serialize};

use crate::agents;
use crate::config::Settings;
use crate::exit::Failure;
use crate::recipe::{self, Recorded};

/// What is asked for: `stop`, `ask` or the address of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Exhausted {
    #[default]
    Stop,
    Ask,
    Degrade(String),
}

impl FromStr for Exhausted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "stop" => Ok(Self::Stop),
            "ask" => Ok(Self::Ask),
            address if address.contains(':') => Ok(Self::Degrade(address.to_owned())),
            _ => {
                Err("neither `stop` nor `ask` nor the address of a model, for example openai:gpt-5-nano"
                    .into())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Exhausted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_str(&text).map_err(|why| serde::de::Error::custom(format!("`{text}` is {why}")))
    }
}

/// What is kept with a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kept {
    #[default]
    Stop,
    Ask,
    /// A model by its address, and what was known of it.
    Degrade {
        model: String,
        model_info: ModelInfo,
    },
}

impl Kept {
    pub(crate) fn is_stop(&self) -> bool {
        *self == Self::Stop
    }

    /// For people; nothing for what holds where nothing is said.
    pub(crate) fn shown(&self) -> Option<&str> {
        match self {
            Self::Stop => None,
            Self::Ask => Some("ask"),
            Self::Degrade { model, .. } => Some(model),
        }
    }

    /// What it means for an agent that works.
    pub(crate) async fn make(&self) -> Result<WhenExhausted, Failure> {
        Ok(match self {
            Self::Stop => WhenExhausted::stop(),
            Self::Ask => WhenExhausted::ask(),
            Self::Degrade { model, .. } => WhenExhausted::degrade_to(crate::models::open(model).await?),
        })
    }

    /// What it means for an agent that is repeated.
    pub(crate) fn repeat(&self) -> WhenExhausted {
        match self {
            Self::Stop => WhenExhausted::stop(),
            Self::Ask => WhenExhausted::ask(),
            Self::Degrade { model_info, .. } => WhenExhausted::degrade_to(Recorded(model_info.clone())),
        }
    }
}

/// What this asks for, and what is kept of it.
pub(crate) async fn open(asked: &Exhausted, settings: &Settings) -> Result<(WhenExhausted, Kept), Failure> {
    Ok(match asked {
        Exhausted::Stop => (WhenExhausted::stop(), Kept::Stop),
        Exhausted::Ask => (WhenExhausted::ask(), Kept::Ask),
        Exhausted::Degrade(address) => {
            let address = recipe::whole(address);
            let opened = crate::models::open(&address).await;
            let model = opened.map_err(|failure| failure.of("--when-exhausted"))?;
            agents::has_a_price(settings.budget_usd.is_some(), &*model)?;
            let model_info = model.info().clone();
            (WhenExhausted::degrade_to(model), Kept::Degrade { model: address, model_info })
        }
    })
}
