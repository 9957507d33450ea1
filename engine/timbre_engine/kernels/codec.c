/* The codec decoder: codes to samples as a stream, on one thread with AVX2 and FMA, in float32.
 *
 * It computes what `codec.onnx` computes (timbre_engine.convert.codec), over the weights of that file, in whose order
 * and forms they come (timbre_engine.model.codec). Python has checked all shapes.
 */
#define _DEFAULT_SOURCE /* madvise, M_PI */
#include "codec_weights.h"
#include "library.h"

/* The most that a convolution needs of each kind of room, for `time` rows. */
static void need(const struct convolution *c, int time, size_t *seen, size_t *made, size_t *tiles) {
    *seen = larger(*seen, (size_t)(history(c) + rounded_up(time, cycle(c))) * c->inputs);
    *made = larger(*made, (size_t)time * c->outputs);
    if (c->points) *tiles = larger(*tiles, (size_t)c->points * tile(c) * larger(c->inputs, c->outputs));
}

static int make_room(struct codec *codec) {
    const struct codec_sizes *s = &codec->sizes;
    size_t seen = 0, made = 0, tiles = 0, piece = 0;
    int time = MOST_FRAMES;
    need(&codec->before, time, &seen, &made, &tiles);
    const size_t widest[] = {3 * s->heads * s->head_dim, 2 * s->intermediate, s->hidden, 2 * s->half, s->dim};
    for (size_t i = 0; i < sizeof widest / sizeof *widest; i++) piece = larger(piece, widest[i] * time);
    for (int stage = 0; stage < s->stages; stage++) {
        time *= s->ratios[stage];
        piece = larger(piece, (size_t)time * 4 * s->latent);
        seen = larger(seen, (size_t)(DEPTH - 1 + time) * s->latent);
    }
    need(&codec->first, time, &seen, &made, &tiles);
    for (int number = 0; number < s->blocks; number++) {
        const struct codec_block *b = &codec->blocks[number];
        need(&b->up, time, &seen, &made, &tiles);
        time *= s->rates[number];
        for (int unit = 0; unit < UNITS; unit++) need(&b->units[unit].convolution, time, &seen, &made, &tiles);
    }
    made = larger(made, piece);
    seen += TAPS * s->channels; /* the last convolution's history */
    codec->room = malloc(sizeof(float) * (3 * made + seen + 4 * piece + 2 * tiles));
    if (!codec->room) return -1;
    float *next = codec->room;
    codec->rows = next;
    codec->next = next += made;
    codec->inner = next += made;
    codec->seen = next += made;
    next += seen;
    for (int i = 0; i < 4; i++, next += piece) codec->pieces[i] = next;
    codec->tile_room = (struct tile_room){next, next + tiles};
    return 0;
}

/* `rows` [time, channels], behind the `before` rows that the state has of them; and those that the next call needs. */
static float *joined(struct codec *codec, float *past, int before, const float *rows, int time, int channels) {
    memcpy(codec->seen, past, sizeof(float) * before * channels);
    memcpy(codec->seen + (size_t)before * channels, rows, sizeof(float) * time * channels);
    memcpy(past, codec->seen + (size_t)time * channels, sizeof(float) * before * channels);
    return codec->seen;
}

/* The same behind a snake, with zeros up to a whole cycle of the convolution. */
static float *snaked(
    struct codec *codec, const struct snake *snake, float *past, int before, const float *rows, int time, int cycle,
    int channels) {
    float *to = codec->seen + (size_t)before * channels;
    memcpy(codec->seen, past, sizeof(float) * before * channels);
    for (int row = 0; row < time; row++, rows += channels, to += channels)
        for (int i = 0; i < channels; i += LANES) {
            const __m256 value = _mm256_loadu_ps(rows + i);
            const __m256 wave = cos8(_mm256_mul_ps(value, _mm256_loadu_ps(snake->speed + i)));
            _mm256_storeu_ps(to + i, _mm256_fnmadd_ps(wave, _mm256_loadu_ps(snake->height + i), value));
        }
    memset(to, 0, sizeof(float) * (rounded_up(time, cycle) - time) * channels);
    memcpy(past, codec->seen + (size_t)time * channels, sizeof(float) * before * channels);
    return codec->seen;
}

static void swap_rows(struct codec *codec) {
    float *rows = codec->rows;
    codec->rows = codec->next;
    codec->next = rows;
}

/* Codes -> codec->rows [frames * ratios, latent]; how many rows. */
static int run_front(struct codec *codec, const int64_t *codes, int frames, int64_t before, float *state) {
    const struct codec_sizes *s = &codec->sizes;
    float *looked_up = codec->inner;
    memset(looked_up, 0, sizeof(float) * frames * 2 * s->half);
    for (int i = 0; i < frames * s->codebooks; i++) {
        const int book = i % s->codebooks, part = 2 * (i / s->codebooks) + (book > 0);
        const float *row = codec->tables + ((size_t)book * s->codebook_size + codes[i]) * s->half;
        add_scaled(looked_up + (size_t)part * s->half, 1, row, s->half);
    }
    dense_product(&codec->quantizer, looked_up, 2 * s->half, frames, codec->next, 0);
    float *seen = joined(codec, state + codec->before_history, FRONT_TAPS - 1, codec->next, frames, s->dim);
    convolve(&codec->before, seen, frames, NULL, codec->next, NULL, NULL, NULL);
    transform(&codec->transformer, codec->next, frames, before, state, codec->pieces, codec->rows);
    int time = frames;
    for (int stage = 0; stage < s->stages; stage++) {
        const struct upsampling *u = &codec->stages[stage];
        dense_product(&u->spread, codec->rows, u->width, time, codec->next, 0);
        swap_rows(codec);
        time *= u->ratio;
        seen = joined(codec, state + u->history, DEPTH - 1, codec->rows, time, u->width);
        convnext(u, seen, time, codec->pieces[0], codec->pieces[1], codec->rows);
    }
    return time;
}

/* codec->rows through a block; how many rows then. */
static int run_block(
    struct codec *codec, const struct codec_block *b, int rate, int time, float *state, const atomic_int *stop) {
    const float *seen = snaked(
        codec, &b->snake, state + b->history, history(&b->up), codec->rows, time, cycle(&b->up), b->up.inputs);
    convolve(&b->up, seen, time, &codec->tile_room, codec->next, NULL, NULL, NULL);
    swap_rows(codec);
    time *= rate;
    for (const struct unit *u = b->units; u < b->units + UNITS && !atomic_load(stop); u++) {
        const struct convolution *c = &u->convolution;
        seen = snaked(codec, &u->snake, state + u->history, history(c), codec->rows, time, cycle(c), c->inputs);
        convolve(c, seen, time, &codec->tile_room, codec->inner, u->swing, &u->mix, codec->rows);
    }
    return time;
}

/* codes [frames, codebooks], at most MOST_FRAMES of them -> pcm [frames * samples of each]; moves the state on. It ends
 * early once *stop is not 0: pcm and state are then good for nothing. */
PUBLIC void timbre_codec_decode(
    struct codec *codec, const int64_t *codes, int32_t frames, void *stream, float *pcm, const atomic_int *stop) {
    const struct codec_sizes *s = &codec->sizes;
    int64_t *seen_frames = stream;
    float *state = (float *)(seen_frames + 1);
    int time = run_front(codec, codes, frames, *seen_frames, state);
    *seen_frames += frames;
    const float *seen = joined(codec, state + codec->first_history, TAPS - 1, codec->rows, time, s->latent);
    convolve(&codec->first, seen, time, NULL, codec->rows, NULL, NULL, NULL);
    for (int number = 0; number < s->blocks; number++) {
        if (atomic_load(stop)) return;
        time = run_block(codec, &codec->blocks[number], s->rates[number], time, state, stop);
    }
    const int channels = codec->blocks[s->blocks - 1].units[0].convolution.outputs;
    seen = snaked(codec, &codec->last_snake, state + codec->last_history, TAPS - 1, codec->rows, time, 1, channels);
    for (int sample = 0; sample < time; sample++) {
        const float value = dot(seen + (size_t)sample * channels, codec->last, TAPS * channels) + *codec->last_bias;
        pcm[sample] = fminf(fmaxf(value, -1), 1);
    }
}

/* Bytes of a stream's state. */
PUBLIC int64_t timbre_codec_state_bytes(const struct codec *codec) {
    return sizeof(int64_t) + sizeof(float) * codec->state;
}

/* What is before the rows, in a stream that begins: zeros, which lack a snake's height. */
static void begin_rows(float *past, int count, const struct snake *snake, int channels) {
    for (int i = 0; i < count * channels; i++) past[i] = -snake->height[i % channels];
}

/* The state of a stream that begins. */
PUBLIC void timbre_codec_begin(const struct codec *codec, void *stream) {
    float *state = (float *)((int64_t *)stream + 1);
    memset(stream, 0, timbre_codec_state_bytes(codec));
    for (const struct codec_block *b = codec->blocks; b < codec->blocks + codec->sizes.blocks; b++) {
        begin_rows(state + b->history, history(&b->up), &b->snake, b->up.inputs);
        for (const struct unit *u = b->units; u < b->units + UNITS; u++)
            begin_rows(state + u->history, history(&u->convolution), &u->snake, u->convolution.inputs);
    }
    const int channels = codec->blocks[codec->sizes.blocks - 1].units[0].convolution.outputs;
    begin_rows(state + codec->last_history, TAPS - 1, &codec->last_snake, channels);
}

PUBLIC void timbre_codec_free(struct codec *codec) {
    if (!codec) return;
    free(codec->transformer.layers);
    free(codec->store.start);
    free(codec->room);
    free(codec);
}

/* Copies the sources. NULL: there is no memory. */
PUBLIC struct codec *timbre_codec_new(const struct codec_sizes *sizes, const float *const *sources) {
    struct codec *codec = calloc(1, sizeof *codec);
    if (!codec) return NULL;
    codec->sizes = *sizes;
    codec->transformer.layers = calloc(sizes->layers, sizeof *codec->transformer.layers);
    if (codec->transformer.layers) {
        take_all(codec, sources);
        codec->store.start = huge_pages(codec->store.used * sizeof(float));
    }
    if (!codec->store.start) {
        timbre_codec_free(codec);
        return NULL;
    }
    take_all(codec, sources);
    if (make_room(codec)) {
        timbre_codec_free(codec);
        return NULL;
    }
    return codec;
}
