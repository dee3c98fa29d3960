/* diffuscope/optional.h - libdiffuscope-report: what the core does without.
 *
 * The core, libdiffuscope, links no font library and no parser. A program that links
 * -ldiffuscope-report too, and begins with
 *
 *     ds_report_use();
 *
 * has figures with text in any script (by Pango; letters.h says what the core has itself), and, where
 * link-grammar was installed when it was built, the grammar of captions (syntax.h).
 *
 * Thread rule: call it before the first figure or parse of any thread. */

#ifndef DIFFUSCOPE_OPTIONAL_H
#define DIFFUSCOPE_OPTIONAL_H

#include <diffuscope/letters.h>
#include <diffuscope/syntax.h>

#ifdef __cplusplus
extern "C" {
#endif

DS_API void ds_report_use(void);

#ifdef __cplusplus
}
#endif
#endif
