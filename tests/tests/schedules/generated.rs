//! Generated cases under schedules that their seed decides.
//!
//! Here the storage gives way for a number of turns that a small generator of numbers says: the same seed, the same schedule. So a
//! divergence shrinks like any other, and what is told runs again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use futures::FutureExt as _;
use futures::future::poll_fn;
use proofhouse::campaign::{CampaignConfig, CampaignReport, OptionSets, run};
use proofhouse::target::EmbeddedTarget;
use proofhouse_model::{Cache, Options};
use proofhouse_registry::driver::Memory;
use proofhouse_registry::races::Race;

use crate::giving_way::{GivingWay, Turn};

/// Turns whose lengths are always the same ones: 0 to 3 times is given way.
fn turns() -> Turn {
    let state = AtomicU64::new(0x9e37_79b9_7f4a_7c15);
    Arc::new(move || {
        // Marsaglia's xorshift.
        let mut next = state.load(Ordering::Relaxed);
        next ^= next << 13;
        next ^= next >> 7;
        next ^= next << 17;
        state.store(next, Ordering::Relaxed);
        let mut left = next % 4;
        poll_fn(move |context| {
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .boxed()
    })
}

pub(crate) fn campaign(race: Option<Race>, cases: u64) -> CampaignReport {
    let options = Options { delete: true, cache: Cache::Large, ..Options::default() };
    let option_sets = OptionSets::Fixed(options);
    let config = CampaignConfig {
        cases: Some(cases),
        clients: 4,
        seed: 1,
        findings: 1,
        option_sets,
        ..CampaignConfig::default()
    };
    let mut target = EmbeddedTarget::builder()
        .storage(|clock| Arc::new(GivingWay::new(Arc::new(Memory::new(clock)), turns())))
        .alter(move |builder| match race {
            Some(race) => builder.race(race),
            None => builder,
        })
        .build();
    run(&config, &mut target, &mut ()).unwrap()
}
