/* crew.c - threads that each do their share of a step from end to end and meet once a step. Operators that
 * run inside of them use one thread: on busy machines a barrier per operator costs more than it shares. */

#include "train/crew.h"

#include <pthread.h>

typedef struct member {
    ds_crew *crew;
    int index;
    pthread_t thread;
} member;

struct ds_crew {
    void (*job)(void *user, int index);
    void *user;
    int count, started, busy;
    uint64_t round; /* the jobs that were asked for so far */
    bool stop;
    pthread_mutex_t lock;
    pthread_cond_t asked, done;
    member *member;
};

static void *work(void *user)
{
    member *m = user;
    ds_crew *c = m->crew;
    uint64_t seen = 0;

    ds_set_threads(1);
    pthread_mutex_lock(&c->lock);
    for (;;) {
        while (!c->stop && c->round == seen)
            pthread_cond_wait(&c->asked, &c->lock);
        if (c->stop)
            break;
        seen = c->round;
        pthread_mutex_unlock(&c->lock);
        c->job(c->user, m->index);
        pthread_mutex_lock(&c->lock);
        if (--c->busy == 0)
            pthread_cond_signal(&c->done);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

ds_status ds__crew_new(ds_crew **out, int count, void (*job)(void *user, int index), void *user,
                       ds_error *err)
{
    ds_crew *c = ds_calloc(1, sizeof *c);

    *out = c;
    if (c == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %d threads", count);
    c->job = job;
    c->user = user;
    c->count = count;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->asked, NULL);
    pthread_cond_init(&c->done, NULL);
    c->member = ds_calloc((size_t)count, sizeof *c->member);
    if (c->member == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %d threads", count);
    for (int i = 0; i < count; i++) {
        c->member[i].crew = c;
        c->member[i].index = i;
        if (pthread_create(&c->member[i].thread, NULL, work, &c->member[i]) != 0)
            return ds_fail(err, DS_E_INTERNAL, "cannot start thread %d of %d", i + 1, count);
        c->started++;
    }
    return DS_OK;
}

void ds__crew_run(ds_crew *c)
{
    pthread_mutex_lock(&c->lock);
    c->busy = c->count;
    c->round++;
    pthread_cond_broadcast(&c->asked);
    while (c->busy > 0)
        pthread_cond_wait(&c->done, &c->lock);
    pthread_mutex_unlock(&c->lock);
}

void ds__crew_free(ds_crew *c)
{
    if (c == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_broadcast(&c->asked);
    pthread_mutex_unlock(&c->lock);
    for (int i = 0; i < c->started; i++)
        pthread_join(c->member[i].thread, NULL);
    pthread_cond_destroy(&c->asked);
    pthread_cond_destroy(&c->done);
    pthread_mutex_destroy(&c->lock);
    ds_free(c->member);
    ds_free(c);
}
