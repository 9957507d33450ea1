/* What every file of the library needs of the compiler and of Linux. */
#pragma once
#include <stdlib.h>
#include <sys/mman.h>

#define PUBLIC __attribute__((visibility("default")))
#define HUGE_PAGE ((size_t)2 << 20)

static inline size_t larger(size_t left, size_t right) { return left > right ? left : right; }

/* Memory in pages of 2 MB, where Linux has them to spare; NULL: there is none. */
static inline void *huge_pages(size_t bytes) {
    bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *memory = aligned_alloc(HUGE_PAGE, bytes);
    if (memory) madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}
