//! What was seen lately, in bounded room.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Two generations: what is looked up moves to the younger one, and when that is full the older one
/// is forgotten whole. So nothing is ever searched for what to forget, and what is used stays.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    generation: usize,
    generations: Mutex<Generations<K, V>>,
}

#[derive(Debug)]
struct Generations<K, V> {
    younger: HashMap<K, V>,
    older: HashMap<K, V>,
}

impl<K: Eq + Hash + Clone, V: Clone> Recent<K, V> {
    /// Room for `most` entries, of which at least half are remembered.
    pub(crate) fn new(most: usize) -> Self {
        let generations = Generations {
            younger: HashMap::new(),
            older: HashMap::new(),
        };
        Self {
            generation: (most / 2).max(1),
            generations: Mutex::new(generations),
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let mut generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = generations.younger.get(key) {
            return Some(value.clone());
        }
        let value = generations.older.remove(key)?;
        generations.put(key.clone(), value.clone(), self.generation);
        Some(value)
    }

    pub(crate) fn put(&self, key: K, value: V) {
        let mut generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        generations.older.remove(&key);
        generations.put(key, value, self.generation);
    }

    pub(crate) fn forget(&self, key: &K) {
        let mut generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        generations.younger.remove(key);
        generations.older.remove(key);
    }
}

impl<K: Eq + Hash, V> Generations<K, V> {
    fn put(&mut self, key: K, value: V, most: usize) {
        if self.younger.len() >= most && !self.younger.contains_key(&key) {
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(recent: &Recent<u32, u32>) -> usize {
        let generations = recent.generations.lock().unwrap();
        generations.younger.len() + generations.older.len()
    }

    #[test]
    fn room_is_bounded() {
        let recent = Recent::new(10);
        for key in 0..1_000 {
            recent.put(key, key);
            assert!(held(&recent) <= 10);
        }
        assert_eq!((recent.get(&999), recent.get(&0)), (Some(999), None));
    }

    #[test]
    fn what_is_used_stays() {
        let recent = Recent::new(10);
        recent.put(0, 0);
        for key in 1..1_000 {
            recent.put(key, key);
            assert_eq!(recent.get(&0), Some(0), "{key}");
        }
    }

    #[test]
    fn what_is_forgotten_or_replaced_is_gone() {
        let recent = Recent::new(4);
        for key in 0..4 {
            recent.put(key, 1);
        }
        recent.put(0, 2);
        assert_eq!(recent.get(&0), Some(2));
        recent.forget(&0);
        assert_eq!(recent.get(&0), None);
    }
}
