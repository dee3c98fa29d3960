/* kill_rename.c - for LD_PRELOAD: the process kills itself just before the KILL_N-th rename (1 without it)
 * whose target ends in KILL_AT. */

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int rename(const char *from, const char *to)
{
    static int seen;
    const char *at = getenv("KILL_AT"), *n = getenv("KILL_N");
    size_t a = strlen(to), b = at != NULL ? strlen(at) : 0;

    if (b > 0 && a >= b && strcmp(to + a - b, at) == 0 && ++seen == (n != NULL ? atoi(n) : 1)) {
        kill(getpid(), SIGKILL);
        pause();
    }
    return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to);
}
