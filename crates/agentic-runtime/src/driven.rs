//! Polls an agent and delivers outcomes to it, one at a time, each when the agent has come to rest.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;
use tokio::task::coop::{Unconstrained, unconstrained};

use crate::engine::Rest;

/// What has outcomes to deliver.
pub(crate) trait Deliver {
    /// Keeps the waker to call when there is something to deliver.
    fn on_outcome(&self, waker: &Waker);

    /// Delivers the next outcome, if there is one.
    fn deliver_next(&self) -> Rest;

    /// Where wakes are counted that no delivery caused.
    fn foreign_wakes(&self) -> Arc<AtomicU64>;
}

/// A root future, driven: polled until it rests, then given one outcome, and so on.
///
/// So the order in which an agent sees outcomes is the order in which they are delivered, whatever combinators
/// it uses. What wakes it while it is neither polled nor delivered to is no step of its run: that is counted.
pub(crate) struct Driven<'a, F, D: ?Sized> {
    // Tokio would let a root that has worked for long rest in the middle of its work, and the next outcome would come
    // too early. Others get their turn after `ROUNDS`.
    root: Unconstrained<F>,
    outcomes: &'a D,
    waker: Arc<RootWaker>,
}

impl<'a, F, D: Deliver + ?Sized> Driven<'a, F, D> {
    pub(crate) fn new(root: F, outcomes: &'a D) -> Self {
        let waker = RootWaker { foreign: outcomes.foreign_wakes(), ..RootWaker::default() };
        Self { root: unconstrained(root), outcomes, waker: Arc::new(waker) }
    }
}

/// Rounds of one poll before others get their turn.
const ROUNDS: usize = 256;

impl<F: Future + Unpin, D: Deliver + ?Sized> Future for Driven<'_, F, D> {
    /// `None` if the run stops short of the root's end.
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.outcomes.on_outcome(cx.waker());
        this.waker.task.register(cx.waker());
        let root_waker = Waker::from(this.waker.clone());
        for _ in 0..ROUNDS {
            this.waker.busy.store(this_thread(), Ordering::SeqCst);
            this.waker.woken.store(false, Ordering::SeqCst);
            let polled = Pin::new(&mut this.root).poll(&mut Context::from_waker(&root_waker));
            if let Poll::Ready(output) = polled {
                return Poll::Ready(Some(output));
            }
            // A wake from here on goes to the task; one from before was noted.
            let woken = this.waker.woken.load(Ordering::SeqCst);
            let rest = if woken { Rest::Nothing } else { this.outcomes.deliver_next() };
            this.waker.busy.store(NOBODY, Ordering::SeqCst);
            match rest {
                Rest::Halted => return Poll::Ready(None),
                Rest::Nothing if !this.waker.woken.load(Ordering::SeqCst) => return Poll::Pending,
                Rest::Nothing | Rest::Delivered => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// What is dropped with the agent may wake it, and is no stranger.
impl<F, D: ?Sized> Drop for Driven<'_, F, D> {
    fn drop(&mut self) {
        self.waker.busy.store(this_thread(), Ordering::SeqCst);
    }
}

/// The waker that the agent sees: it only notes a wake while the driver is at work anyway.
#[derive(Debug, Default)]
struct RootWaker {
    task: AtomicWaker,
    woken: AtomicBool,
    /// The thread that is at work on the run.
    busy: AtomicUsize,
    foreign: Arc<AtomicU64>,
}

impl Wake for RootWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        let busy = self.busy.load(Ordering::SeqCst);
        if busy != this_thread() {
            self.foreign.fetch_add(1, Ordering::Relaxed);
        }
        if busy == NOBODY {
            self.task.wake();
        }
    }
}

/// No thread is known by this.
const NOBODY: usize = 0;

thread_local! {
    static HERE: u8 = const { 0 };
}

/// What this thread is known by as long as it lives: where something of its own lies.
fn this_thread() -> usize {
    HERE.with(|here| std::ptr::from_ref(here).addr())
}
