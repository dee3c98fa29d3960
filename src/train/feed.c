/* feed.c - batches prepared ahead of the steps by one thread, in a ring of three. What a batch holds is a
 * function of (seed, step) and the source. */

#include "train/train.h"

#include <pthread.h>
#include <string.h>

#define RING    3
#define CAPTION 4096

struct ds_feed {
    ds_feed_options o;
    int64_t length; /* ids per caption */
    ds_batch ring[RING];
    unsigned char *rgb;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    int64_t made, taken; /* batches, from o.first; one that was taken is in use until the next */
    bool stop;
    ds_status status;
    ds_error error;
};

/* The finalizer of SplitMix64, twice. */
uint64_t ds__train_mix(uint64_t seed, uint64_t a, uint64_t b)
{
    const uint64_t word[3] = { seed, a, b };
    uint64_t z = 0;

    for (int i = 0; i < 3; i++) {
        z += word[i] + 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        z ^= z >> 31;
    }
    return z;
}

/* Four rounds of a Feistel network on the smallest even number of bits that holds n; a result that is
 * not below n goes round again. */
int64_t ds__shuffled(uint64_t seed, int64_t epoch, int64_t i, int64_t n)
{
    int half = 1;
    uint64_t x = (uint64_t)i, mask;

    while (half < 31 && (uint64_t)1 << 2 * half < (uint64_t)n)
        half++;
    mask = ((uint64_t)1 << half) - 1;
    do {
        uint64_t left = x >> half, right = x & mask;

        for (uint64_t round = 0; round < 4; round++) {
            uint64_t next = left ^ (ds__train_mix(seed, (uint64_t)epoch * 4 + round, right) & mask);

            left = right;
            right = next;
        }
        x = left << half | right;
    } while (x >= (uint64_t)n);
    return (int64_t)x;
}

static int64_t example(const ds_feed *f, int64_t step, int64_t k)
{
    int64_t at = step * f->o.batch + k, n = f->o.source->count;

    return n == 0 ? at : ds__shuffled(f->o.seed, at / n, at % n, n);
}

static ds_status encode(ds_feed *f, int32_t *out, const char *caption, ds_error *err)
{
    int64_t ids[512];
    ds_tokens *tokens;
    ds_status st = ds_tokenizer_encode(f->o.tokenizer, &tokens, caption, err);

    if (st != DS_OK)
        return st;
    ds_tokenizer_pad(f->o.tokenizer, ids, tokens, 0);
    for (int64_t i = 0; i < f->length; i++)
        out[i] = (int32_t)ids[i];
    ds_tokens_free(tokens);
    return DS_OK;
}

static ds_status make(ds_feed *f, ds_batch *b, int64_t step, ds_error *err)
{
    const ds_train_source *source = f->o.source;
    int64_t size = f->o.side * f->o.side * 3;
    char caption[CAPTION];

    for (int64_t k = 0; k < f->o.batch; k++) {
        float *x = b->image + k * size;
        double lot =
            (double)(ds__train_mix(f->o.seed, (uint64_t)step, (uint64_t)k) >> 11) * 0x1p-53;
        ds_status st = source->get(source->user, example(f, step, k), f->o.side, f->rgb, caption,
                                   sizeof caption, err);

        if (st == DS_OK && f->o.tokenizer != NULL)
            st = encode(f, b->ids + k * f->length, lot < f->o.drop ? "" : caption, err);
        if (st != DS_OK)
            return st;
        for (int64_t i = 0; i < size; i++)
            x[i] = (float)f->rgb[i] / 127.5f - 1.0f;
    }
    return DS_OK;
}

static void *work(void *user)
{
    ds_feed *f = user;

    pthread_mutex_lock(&f->lock);
    while (!f->stop && f->status == DS_OK && f->o.first + f->made < f->o.last) {
        ds_error e = { 0 };
        ds_status st;

        if (f->made >= f->taken - 1 + RING) {
            pthread_cond_wait(&f->moved, &f->lock);
            continue;
        }
        pthread_mutex_unlock(&f->lock);
        st = make(f, &f->ring[f->made % RING], f->o.first + f->made, &e);
        pthread_mutex_lock(&f->lock);
        f->status = st;
        f->error = e;
        f->made += st == DS_OK;
        pthread_cond_signal(&f->moved);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

ds_status ds__feed_new(ds_feed **out, const ds_feed_options *o, ds_error *err)
{
    int64_t pixels = o->side * o->side * 3;
    ds_feed *f = ds_calloc(1, sizeof *f);

    *out = f;
    if (f == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a feed");
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->moved, NULL);
    f->o = *o;
    f->length = o->tokenizer != NULL ? ds_tokenizer_describe(o->tokenizer).length : 0;
    if (f->length > 512)
        return ds_fail(err, DS_E_UNSUPPORTED, "captions of more than 512 tokens");
    f->rgb = ds_alloc((size_t)pixels);
    for (int i = 0; i < RING; i++) {
        f->ring[i].image = ds_calloc((size_t)(o->batch * pixels), sizeof(float));
        f->ring[i].ids = ds_calloc((size_t)(o->batch * f->length) + 1, sizeof(int32_t));
        if (f->rgb == NULL || f->ring[i].image == NULL || f->ring[i].ids == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for batches of %lld pictures",
                           (long long)o->batch);
    }
    f->started = pthread_create(&f->thread, NULL, work, f) == 0;
    return f->started ? DS_OK : ds_fail(err, DS_E_INTERNAL, "cannot start a thread");
}

void ds__feed_free(ds_feed *f)
{
    if (f == NULL)
        return;
    if (f->started) {
        pthread_mutex_lock(&f->lock);
        f->stop = true;
        pthread_cond_signal(&f->moved);
        pthread_mutex_unlock(&f->lock);
        pthread_join(f->thread, NULL);
    }
    pthread_cond_destroy(&f->moved);
    pthread_mutex_destroy(&f->lock);
    for (int i = 0; i < RING; i++) {
        ds_free(f->ring[i].image);
        ds_free(f->ring[i].ids);
    }
    ds_free(f->rgb);
    ds_free(f);
}

ds_status ds__feed_take(ds_feed *f, const ds_batch **out, ds_error *err)
{
    ds_status st = DS_OK;

    pthread_mutex_lock(&f->lock);
    f->taken++;
    pthread_cond_signal(&f->moved);
    while (f->made < f->taken && f->status == DS_OK)
        pthread_cond_wait(&f->moved, &f->lock);
    if (f->made < f->taken) {
        st = f->status;
        *err = f->error;
    } else {
        *out = &f->ring[(f->taken - 1) % RING];
    }
    pthread_mutex_unlock(&f->lock);
    return st;
}
