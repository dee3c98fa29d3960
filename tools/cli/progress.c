/* progress.c - the progress line. One thread. */

#include "progress.h"

#include <langinfo.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CELLS      10
#define REDRAW_GAP 0.1 /* seconds */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void clock_text(char *buf, size_t size, double seconds)
{
    long s = (long)(seconds + 0.5);

    if (s >= 3600)
        snprintf(buf, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(buf, size, "%02ld:%02ld", s / 60, s % 60);
}

/* Filled to an eighth of a cell where the terminal shows UTF-8. */
static void bar_text(char *buf, double share, bool utf8)
{
    static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
    int parts = (int)(share * CELLS * 8), cells = parts / 8;

    buf[0] = '\0';
    for (int i = 0; i < cells; i++)
        strcat(buf, utf8 ? "█" : "#");
    if (utf8 && parts % 8 > 0)
        strcat(buf, eighths[parts % 8]);
    for (int i = cells + (utf8 && parts % 8 > 0); i < CELLS; i++)
        strcat(buf, " ");
}

static void draw_line(const progress *p, int64_t done, double elapsed)
{
    char bar[CELLS * 4 + 1], spent[24], left[24] = "?", rate[32] = "?it/s";
    double share = p->total > 0 ? (double)done / (double)p->total : 1.0;

    bar_text(bar, share, p->utf8);
    clock_text(spent, sizeof spent, elapsed);
    if (done > 0) {
        double each = elapsed / (double)done;

        clock_text(left, sizeof left, each * (double)(p->total - done));
        if (each >= 1.0)
            snprintf(rate, sizeof rate, "%.2fs/it", each);
        else if (each > 0.0)
            snprintf(rate, sizeof rate, "%.2fit/s", 1.0 / each);
    }
    fprintf(stderr, "\r%s: %3.0f%%|%s| %lld/%lld [%s<%s, %s]\033[K", p->what, 100.0 * share, bar,
            (long long)done, (long long)p->total, spent, left, rate);
    fflush(stderr);
}

static void draw_json(const progress *p, int64_t done, double elapsed)
{
    fprintf(stderr,
            "{\"event\": \"progress\", \"what\": \"%s\", \"done\": %lld, \"total\": %lld, "
            "\"elapsed\": %.3f}\n",
            p->what, (long long)done, (long long)p->total, elapsed);
    fflush(stderr);
}

void progress_begin(progress *p, const ds_args *a, const char *what, int64_t total)
{
    const char *mode = opt_text(a, "progress");

    memset(p, 0, sizeof *p);
    p->what = what;
    p->total = total;
    p->start = now();
    p->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (opt_flag(a, "quiet") || strcmp(mode, "none") == 0)
        p->mode = PROGRESS_NONE;
    else if (strcmp(mode, "json") == 0)
        p->mode = PROGRESS_JSON;
    else
        p->mode = isatty(STDERR_FILENO) ? PROGRESS_LINE : PROGRESS_NONE;
    progress_step(p, 0);
}

void progress_step(progress *p, int64_t done)
{
    double t = now();

    if (p->mode == PROGRESS_JSON)
        draw_json(p, done, t - p->start);
    if (p->mode != PROGRESS_LINE || (done < p->total && t - p->drawn < REDRAW_GAP))
        return;
    p->drawn = t;
    draw_line(p, done, t - p->start);
}

void progress_end(progress *p)
{
    if (p->mode == PROGRESS_LINE)
        fputc('\n', stderr);
    p->mode = PROGRESS_NONE;
}
