/* Work that a thread offers piece by piece to threads that can leave their own for some microseconds. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

/* One offer at a time; whoever finds another's there works alone. */
struct offer {
    _Atomic uint64_t next; /* generation, pieces, the next one to be taken: 32, 16 and 16 bits */
    void (*_Atomic run)(const void *job, int piece);
    const void *_Atomic job;
    atomic_int done;     /* pieces */
    atomic_int taken;    /* whether there is an offer */
    atomic_int wanted;   /* whether threads look for one at times */
    atomic_llong helped; /* pieces that were not run where they were offered, since ever */
};

extern struct offer timbre_offer;

/* Run all pieces, 65,535 at most, of a job: here and, meanwhile, wherever a thread helps. */
void timbre_share(void (*run)(const void *job, int piece), const void *job, int pieces);

/* Take pieces until none is left. */
void timbre_help(void);

static inline int is_open(uint64_t next) { return (next & 0xffff) < (next >> 16 & 0xffff); }

/* Whether there is to be any help, from now on. There is none at first. How many pieces it has taken so far. */
int64_t timbre_let_help(int32_t wanted);

/* To be called often: it costs a look at what lies in this processor's cache. */
static inline void help_if_asked(void) {
    if (is_open(atomic_load_explicit(&timbre_offer.next, memory_order_relaxed))) timbre_help();
}
