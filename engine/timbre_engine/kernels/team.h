/* Work that a thread offers piece by piece to threads that can leave their own for some microseconds. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

/* Whose work is offered: what the language models multiply, or what the codec does. */
enum { NOBODY_S, LANGUAGE_S, CODEC_S };

/* One offer at a time; whoever finds another's there works alone. */
struct offer {
    _Atomic uint64_t next; /* generation, pieces, the next one to be taken: 32, 16 and 16 bits */
    void (*_Atomic run)(const void *job, int piece);
    const void *_Atomic job;
    atomic_int done;     /* pieces */
    atomic_int taken;    /* whether there is an offer */
    atomic_int wanted;   /* whose it is to be */
    atomic_llong helped; /* pieces that were not run where they were offered, since ever */
};

extern struct offer timbre_offer;

static inline int is_wanted(int whose) {
    return atomic_load_explicit(&timbre_offer.wanted, memory_order_relaxed) == whose;
}

/* Run all pieces, 65,535 at most, of a job: here and, where such work is to be offered, wherever a thread helps. */
void timbre_share(void (*run)(const void *job, int piece), const void *job, int pieces, int whose);

/* Take pieces until none is left. */
void timbre_help(void);

/* Take pieces of all that is offered, until `over` is set or nothing was offered for about a millisecond. */
void timbre_stand_by(const volatile int32_t *over);

static inline int is_open(uint64_t next) { return (next & 0xffff) < (next >> 16 & 0xffff); }

/* Whose work is to be offered, from now on: nobody's at first. How many pieces help has taken so far. */
int64_t timbre_let_help(int32_t whose);

/* For the codec, to be called often: it costs a look at what lies in this processor's cache. */
static inline void help_if_asked(void) {
    if (is_open(atomic_load_explicit(&timbre_offer.next, memory_order_relaxed)) && is_wanted(LANGUAGE_S)) timbre_help();
}
