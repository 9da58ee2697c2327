//! Rate limits: a token bucket per key, with a bound on the keys that are remembered.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;

use crate::problem::ApiError;
use wire::problem::Slug;

/// Tokens are counted in thousandths, so that whole numbers do.
const TOKEN: u64 = 1000;

/// How much is allowed.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// How many at once.
    pub burst: u32,
    /// How many a minute in the long run.
    pub per_minute: u32,
}

#[derive(Clone, Copy)]
struct Bucket {
    thousandths: u64,
    updated_ms: u64,
}

/// A limiter for keys such as client addresses.
pub struct RateLimiter<K> {
    rate: Rate,
    max_keys: usize,
    buckets: Mutex<HashMap<K, Bucket>>,
}

/// Too much was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests; try again in {retry_after_seconds} s")]
pub struct Limited {
    /// When one more will be allowed.
    pub retry_after_seconds: u64,
}

impl From<Limited> for ApiError {
    fn from(limited: Limited) -> Self {
        Self::new(Slug::TooManyRequests).retry_after(limited.retry_after_seconds)
    }
}

impl<K: Hash + Eq + Clone> RateLimiter<K> {
    /// A limiter that remembers at most `max_keys` keys; beyond that the longest unseen eighth is forgotten.
    pub fn new(rate: Rate, max_keys: usize) -> Self {
        Self { rate, max_keys: max_keys.max(8), buckets: Mutex::default() }
    }

    /// Takes a token of the key's bucket.
    ///
    /// # Errors
    /// [`Limited`] when there is none.
    pub fn take(&self, key: &K, now_ms: u64) -> Result<(), Limited> {
        self.take_many(key, 1, now_ms)
    }

    /// Takes as many tokens of the key's bucket as a request is worth: all or none.
    ///
    /// # Errors
    /// [`Limited`] when there are fewer. With more than the bucket holds it always is.
    pub fn take_many(&self, key: &K, count: u32, now_ms: u64) -> Result<(), Limited> {
        let asked = u64::from(count) * TOKEN;
        let full = u64::from(self.rate.burst) * TOKEN;
        let mut buckets = self.buckets.lock().expect("no code that holds this lock panics");
        if !buckets.contains_key(key) && buckets.len() >= self.max_keys {
            forget(&mut buckets);
        }
        let bucket = buckets.entry(key.clone()).or_insert(Bucket { thousandths: full, updated_ms: now_ms });
        let elapsed_ms = now_ms.saturating_sub(bucket.updated_ms);
        // per_minute tokens in 60 000 ms are per_minute × 1000 thousandths in 60 000 ms.
        let gained = elapsed_ms.saturating_mul(u64::from(self.rate.per_minute)) / 60;
        if gained > 0 {
            bucket.thousandths = bucket.thousandths.saturating_add(gained).min(full);
            bucket.updated_ms = now_ms;
        }
        if let Some(rest) = bucket.thousandths.checked_sub(asked) {
            bucket.thousandths = rest;
            return Ok(());
        }
        let missing = asked - bucket.thousandths;
        let retry_after_seconds = (missing * 60).div_ceil(u64::from(self.rate.per_minute.max(1)) * TOKEN).max(1);
        Err(Limited { retry_after_seconds })
    }
}

fn forget<K: Hash + Eq + Clone>(buckets: &mut HashMap<K, Bucket>) {
    let mut seen: Vec<u64> = buckets.values().map(|b| b.updated_ms).collect();
    let eighth = seen.len() / 8;
    let (_, threshold, _) = seen.select_nth_unstable(eighth);
    let threshold = *threshold;
    buckets.retain(|_, bucket| bucket.updated_ms > threshold);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let limiter = RateLimiter::new(Rate { burst: 3, per_minute: 60 }, 100);
        for _ in 0..3 {
            limiter.take(&1, 0).unwrap();
        }
        assert_eq!(limiter.take(&1, 0), Err(Limited { retry_after_seconds: 1 }));
        limiter.take(&2, 0).unwrap();
        limiter.take(&1, 1000).unwrap();
        limiter.take(&1, 1001).unwrap_err();
    }

    #[test]
    fn what_is_worth_many_takes_many_or_none() {
        let limiter = RateLimiter::new(Rate { burst: 10, per_minute: 60 }, 100);
        limiter.take_many(&1, 8, 0).unwrap();
        assert_eq!(limiter.take_many(&1, 5, 0), Err(Limited { retry_after_seconds: 3 }));
        limiter.take_many(&1, 2, 0).unwrap();
        limiter.take(&1, 0).unwrap_err();
        limiter.take_many(&2, 11, 0).unwrap_err();
        limiter.take_many(&2, 10, 0).unwrap();
    }

    #[test]
    fn frequent_refused_attempts_do_not_stop_the_refill() {
        let limiter = RateLimiter::new(Rate { burst: 1, per_minute: 60 }, 100);
        limiter.take(&1, 0).unwrap();
        for now in 1..1000 {
            limiter.take(&1, now).unwrap_err();
        }
        limiter.take(&1, 1000).unwrap();
    }

    #[test]
    fn memory_is_bounded_and_the_latest_keys_stay() {
        let limiter = RateLimiter::new(Rate { burst: 1, per_minute: 1 }, 80);
        for key in 0..10_000_u64 {
            limiter.take(&key, key).unwrap();
        }
        assert!(limiter.buckets.lock().unwrap().len() <= 80);
        limiter.take(&9_999, 10_000).unwrap_err();
    }
}
