//! The end of all attachments.

use super::Attachments;
use crate::kernel::Attach;

impl Attachments {
    /// Detaches all interfaces at the end, one by one, and tells how many are
    /// left: of thousands it takes minutes. The kernel waits twice for all CPUs,
    /// with the lock of all devices held (`tcx_link_release()`, 6.6): several
    /// threads take as long, and so does the end of the process.
    pub(in crate::poller) fn detach_all(
        &mut self,
        attacher: &mut impl Attach,
        mut tell: impl FnMut(usize),
    ) {
        while let Some((_, attached)) = self.attached.pop_first() {
            attacher.detach(attached.id);
            tell(self.attached.len());
        }
    }
}
