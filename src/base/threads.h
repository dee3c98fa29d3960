/* threads.h - a number of threads for the length of a call. */

#ifndef DS_BASE_THREADS_H
#define DS_BASE_THREADS_H

/* From here to ds__threads_leave, the calling thread works with `count` threads (0: with as many
 * as before). Returns what leave is to be given. */
int ds__threads_enter(int count);
void ds__threads_leave(int before);

#endif
