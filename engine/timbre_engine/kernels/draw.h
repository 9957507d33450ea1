/* Drawing a code from logits: temperature, top-k with what ties, top-p; as timbre_engine.qwen3tts.sampling does. */
#pragma once
#include <math.h>
#include <stdint.h>

#define VOCABULARY 2048

struct candidate {
    float value;
    int32_t code;
};

static float kth_largest(const float *logits, int k) {
    float best[VOCABULARY];
    int count = 0;
    for (int code = 0; code < VOCABULARY; code++) {
        if (count == k && logits[code] <= best[count - 1]) continue;
        int at = count < k ? count++ : count - 1;
        for (; at > 0 && best[at - 1] < logits[code]; at--) best[at] = best[at - 1];
        best[at] = logits[code];
    }
    return best[count - 1];
}

/* logits [VOCABULARY] are divided by the temperature in place. `uniform` in [0, 1) says what chance does. */
static int32_t draw(float *logits, float temperature, int top_k, float top_p, float uniform) {
    struct candidate kept[VOCABULARY]; /* most probable first; of equals, the lower code */
    float probabilities[VOCABULARY], total = 0, inside = 0, passed = 0;
    int count = 0, taken = 0, at = 0;
    for (int code = 0; code < VOCABULARY; code++) logits[code] /= temperature;
    const float least = top_k < VOCABULARY ? kth_largest(logits, top_k) : -INFINITY;
    for (int code = 0; code < VOCABULARY; code++) {
        if (!(logits[code] >= least)) continue;
        int place = count++;
        for (; place > 0 && kept[place - 1].value < logits[code]; place--) kept[place] = kept[place - 1];
        kept[place] = (struct candidate){logits[code], code};
    }
    if (!count) return 0; /* nothing is a number */
    for (int i = 0; i < count; i++) total += probabilities[i] = expf(kept[i].value - kept[0].value);
    for (; taken < count && (!taken || inside < top_p); taken++) inside += probabilities[taken] / total;
    for (; at < taken - 1; at++) {
        passed += probabilities[at] / total;
        if (passed > uniform * inside) break;
    }
    return kept[at].code;
}
