/* interrupt.c - SIGINT as a request to cancel, for interpreters. */

#include <diffuscope/base.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

static ds_cancel *cancelled;    /* read by the handler */
static struct sigaction before; /* what handled the signal until now */

static void on_interrupt(int number, siginfo_t *info, void *context)
{
    ds_cancel *c = __atomic_load_n(&cancelled, __ATOMIC_ACQUIRE);

    if (c != NULL)
        ds_cancel_request(c);
    if ((before.sa_flags & SA_SIGINFO) != 0)
        before.sa_sigaction(number, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(number);
}

ds_status ds_cancel_on_interrupt(ds_cancel *c, ds_error *err)
{
    struct sigaction ours = { .sa_flags = SA_SIGINFO | SA_RESTART };
    ds_cancel *was = __atomic_exchange_n(&cancelled, c, __ATOMIC_ACQ_REL);
    int failed = 0;

    ours.sa_sigaction = on_interrupt;
    sigemptyset(&ours.sa_mask);
    if (was == NULL && c != NULL)
        failed = sigaction(SIGINT, &ours, &before);
    else if (was != NULL && c == NULL)
        failed = sigaction(SIGINT, &before, NULL);
    return failed == 0 ? DS_OK : ds_fail(err, DS_E_INTERNAL, "SIGINT: %s", strerror(errno));
}
