/* crew.h - see crew.c. */

#ifndef DS_TRAIN_CREW_H
#define DS_TRAIN_CREW_H

#include <diffuscope/base.h>

typedef struct ds_crew ds_crew;

/* Starts `count` threads that wait. To be freed also after a failure. */
ds_status ds__crew_new(ds_crew **out, int count, void (*job)(void *user, int index), void *user,
                       ds_error *err);
void ds__crew_free(ds_crew *c); /* NULL is allowed */

/* Calls job(user, i) for each i < count, each in its own thread, and waits for all. */
void ds__crew_run(ds_crew *c);

#endif
