"""The problems of personnel."""

from shared.web.problems import Problem


class PersonnelNotFound(Problem):
    """No such thing, or outside the caller's jurisdiction: the answer does not tell which."""

    status = 404
    code = "personnel.not_found"
    title = "未找到"


class UnknownReference(Problem):
    """Base of the problems that name something which is not known in the caller's jurisdiction."""

    status = 422


class UnknownDivision(UnknownReference):
    """A division code nobody imported, or of another jurisdiction."""

    code = "personnel.unknown_division"
    title = "行政区划代码未登记"


class UnknownOrganisation(UnknownReference):
    """An organisation that was not put here."""

    code = "personnel.unknown_organisation"
    title = "单位未登记"


class UnknownArea(UnknownReference):
    """An area that was not put here."""

    code = "personnel.unknown_area"
    title = "警务责任区未登记"


class UnknownOfficer(UnknownReference):
    """An officer that was not put here."""

    code = "personnel.unknown_officer"
    title = "人员未登记"


class UnknownAssignment(UnknownReference):
    """An assignment that was not put here."""

    code = "personnel.unknown_assignment"
    title = "派驻未登记"


class UnknownRoom(UnknownReference):
    """A police room that was not put here."""

    code = "personnel.unknown_room"
    title = "警务室未登记"


class RefersToItself(Problem):
    """A parent of itself, a backup of itself."""

    status = 422
    code = "personnel.refers_to_itself"
    title = "不能引用自身"


class PeriodReversed(Problem):
    """The last day lies before the first."""

    status = 422
    code = "personnel.period_reversed"
    title = "截止日期早于起始日期"


class NoCommonDivision(Problem):
    """Divisions of several provinces: there is no jurisdiction such a thing belongs to."""

    status = 422
    code = "personnel.no_common_division"
    title = "所列区划不属于同一省"


class RepeatedInBatch(Problem):
    """The same id twice in one batch: which of the two counts would be chance."""

    status = 422
    code = "personnel.repeated_in_batch"
    title = "同一批中编号重复"


class IdMismatch(Problem):
    """The id of the address and that of the body differ."""

    status = 422
    code = "personnel.id_mismatch"
    title = "地址与内容的编号不一致"


class OutsideOfficerPeriod(Problem):
    """An assignment and its officer's service, whichever is put, of which the one would outlast the other."""

    status = 409
    code = "personnel.outside_officer_period"
    title = "派驻超出人员任职期限"


class OutlastsItsPlace(Problem):
    """The village, area or unit of an assignment ends before the assignment does."""

    status = 409
    code = "personnel.outlasts_its_place"
    title = "派驻超出所在地的存续期限"


class HolderChanged(Problem):
    """An assignment is one officer's for good: what was done under it counts for him."""

    status = 409
    code = "personnel.holder_changed"
    title = "派驻不能改派他人"


class BadgeTaken(Problem):
    """Another officer in service has the badge on one of these days."""

    status = 409
    code = "personnel.badge_taken"
    title = "警号已被使用"


class BindingOverlaps(Problem):
    """Another scheme governs a post of the jurisdiction on one of these days; `binding_id` names its binding."""

    status = 409
    code = "personnel.binding_overlaps"
    title = "该岗位当日已有适用方案"


class AssignmentOverlaps(Problem):
    """The officer holds the post in that role at that place on one of these days already; `assignment_id` names it."""

    status = 409
    code = "personnel.assignment_overlaps"
    title = "该人员当日已在该地任该岗位"


class TooManyAssignments(Problem):
    """The officer has as many assignments, past ones too, as one may have; `most` says how many."""

    status = 409
    code = "personnel.too_many_assignments"
    title = "该人员的派驻记录过多"


class UnknownScheme(Problem):
    """No such scheme in this installation; `schemes` lists those that there are."""

    status = 422
    code = "personnel.unknown_scheme"
    title = "没有这个方案"


class UnknownPost(Problem):
    """The scheme has no such post; `posts` lists those that it has."""

    status = 422
    code = "personnel.unknown_post"
    title = "方案中没有这个岗位"


class OfficerErased(Problem):
    """The personal data of this officer were erased (E-63); nothing fills them again."""

    status = 409
    code = "personnel.officer_erased"
    title = "该人员信息已依法删除"


class BadDivisionFile(Problem):
    """Rows that cannot be imported; `errors` names the first of them by line, nothing of the file was kept."""

    status = 422
    code = "personnel.bad_division_file"
    title = "区划文件有错误"


UNKNOWN: dict[str, type[UnknownReference]] = {
    "division": UnknownDivision,
    "organisation": UnknownOrganisation,
    "area": UnknownArea,
    "officer": UnknownOfficer,
    "assignment": UnknownAssignment,
    "room": UnknownRoom,
}
"""The problem for each kind of thing a state may refer to."""
