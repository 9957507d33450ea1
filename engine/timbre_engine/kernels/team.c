/* See team.h. */
#define _DEFAULT_SOURCE
#include "library.h"
#include "team.h"

#include <immintrin.h>
#include <sched.h>

#define QUIET 20000    /* looks for an offer without one, after which none is expected: half a millisecond or more */
#define PATIENCE 20000 /* looks at what another has in hand, after which it may need this processor to go on */

struct offer timbre_offer;

/* Take a piece and run it; 0: there is none. A piece that is taken is of the job that was read before: the next job's
 * parts are written when all pieces of this one are taken, and its generation differs. */
static int run_one(void) {
    uint64_t next = atomic_load_explicit(&timbre_offer.next, memory_order_acquire);
    void (*run)(const void *, int);
    const void *job;
    do {
        if (!is_open(next)) return 0;
        run = atomic_load_explicit(&timbre_offer.run, memory_order_relaxed);
        job = atomic_load_explicit(&timbre_offer.job, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(
        &timbre_offer.next, &next, next + 1, memory_order_acquire, memory_order_acquire));
    run(job, next & 0xffff);
    atomic_fetch_add_explicit(&timbre_offer.done, 1, memory_order_release);
    return 1;
}

PUBLIC int64_t timbre_let_help(int32_t whose) {
    atomic_store_explicit(&timbre_offer.wanted, whose, memory_order_relaxed);
    return atomic_load_explicit(&timbre_offer.helped, memory_order_relaxed);
}

void timbre_help(void) {
    while (run_one()) atomic_fetch_add_explicit(&timbre_offer.helped, 1, memory_order_relaxed);
}

PUBLIC void timbre_stand_by(const volatile int32_t *over) {
    for (int looks = 0; looks < QUIET && !*over; looks++)
        if (is_open(atomic_load_explicit(&timbre_offer.next, memory_order_relaxed))) {
            timbre_help();
            looks = 0;
        } else {
            _mm_pause();
        }
}

void timbre_share(void (*run)(const void *job, int piece), const void *job, int pieces, int whose) {
    struct offer *offer = &timbre_offer;
    if (pieces < 2 || !is_wanted(whose) || atomic_exchange(&offer->taken, 1)) {
        for (int piece = 0; piece < pieces; piece++) run(job, piece);
        return;
    }
    const uint64_t generation = (atomic_load_explicit(&offer->next, memory_order_relaxed) >> 32) + 1;
    atomic_store_explicit(&offer->run, run, memory_order_relaxed);
    atomic_store_explicit(&offer->job, job, memory_order_relaxed);
    atomic_store_explicit(&offer->done, 0, memory_order_relaxed);
    atomic_store_explicit(&offer->next, generation << 32 | (uint64_t)pieces << 16, memory_order_release);
    while (run_one()) continue;
    for (int looks = 0; atomic_load_explicit(&offer->done, memory_order_acquire) < pieces; looks++)
        if (looks < PATIENCE) _mm_pause();
        else sched_yield();
    atomic_store(&offer->taken, 0);
}
