"""What runs inside OpenSim's own Python; nothing of ours is there."""

SCRIPT = '''
import json, os, sys
import opensim as osim

job = json.load(open(sys.argv[1], encoding="utf-8"))
osim.Logger.setLevelString("Error")


def load(path):
    model = osim.Model(path)
    if job["markers"]:
        model.updateMarkerSet(osim.MarkerSet(job["markers"]))
    model.finalizeConnections()
    model.initSystem()
    return model


def markers():
    found = {}
    model = load(job["model"])
    for marker in (model.getMarkerSet().get(i) for i in range(model.getMarkerSet().getSize())):
        found[marker.getName()] = marker.getParentFrame().findBaseFrame().getName()
    return {"markers": found}


def solve():
    sizes = scale()
    tool = osim.InverseKinematicsTool()
    model = osim.Model(job["scaled"])
    tool.setModel(model)
    tool.setMarkerDataFileName(job["trc"])
    tool.setStartTime(job["start"])
    tool.setEndTime(job["stop"])
    tool.setOutputMotionFileName(job["motion"])
    tool.setResultsDir(job["folder"])
    tool.set_report_errors(True)
    tasks = tool.getIKTaskSet()
    for name in job["wanted"]:
        task = osim.IKMarkerTask()
        task.setName(name)
        task.setApply(True)
        task.setWeight(1.0)
        tasks.cloneAndAppend(task)
    if not tool.run():
        raise SystemExit("inverse kinematics failed")
    errors = [name for name in os.listdir(job["folder"]) if name.endswith("ik_marker_errors.sto")]
    table = osim.TimeSeriesTable(os.path.join(job["folder"], errors[0]))
    rms = table.getDependentColumn("marker_error_RMS").to_numpy()
    return {"scale": sizes, "rms": float((rms**2).mean() ** 0.5),
            "max": float(table.getDependentColumn("marker_error_max").to_numpy().max())}


def scale():
    model = load(job["model"])
    with_markers = os.path.join(job["folder"], "model_with_markers.osim")
    model.printToXML(with_markers)
    tool = osim.ScaleTool()
    tool.setPathToSubject("")
    tool.setSubjectMass(job["mass"] if job["mass"] > 0 else model.getTotalMass(model.initSystem()))
    tool.getGenericModelMaker().setModelFileName(with_markers)
    scaler = tool.getModelScaler()
    scaler.setApply(True)
    order = osim.ArrayStr()
    order.append("measurements")
    scaler.setScalingOrder(order)
    scaler.setMarkerFileName(job["trc"])
    times = osim.ArrayDouble()
    times.append(job["start"])
    times.append(job["stop"])
    scaler.setTimeRange(times)
    scaler.setPreserveMassDist(True)
    scaler.setOutputModelFileName(job["scaled"])
    by_body = {}
    for near, far, body in job["pairs"]:
        by_body.setdefault(body, []).append((near, far))
    for body, pairs in by_body.items():
        measurement = osim.Measurement()
        measurement.setName(body)
        measurement.setApply(True)
        for pair in pairs:
            measurement.getMarkerPairSet().cloneAndAppend(osim.MarkerPair(*pair))
        scaled = osim.BodyScale()
        scaled.setName(body)
        axes = osim.ArrayStr()
        for axis in "XYZ":
            axes.append(axis)
        scaled.setAxisNames(axes)
        measurement.getBodyScaleSet().cloneAndAppend(scaled)
        scaler.addMeasurement(measurement)
    tool.getMarkerPlacer().setApply(False)
    before = {body: size_of(model, body) for body in by_body}
    if os.path.exists(job["scaled"]):
        os.remove(job["scaled"])
    tool.run()  # it answers False when it places no markers, whatever became of the sizes
    if not os.path.exists(job["scaled"]):
        raise SystemExit("scaling failed")
    after = osim.Model(job["scaled"])
    after.initSystem()
    return {body: size_of(after, body) / before[body] for body in by_body}


def size_of(model, body):
    """How far the markers of a body are from its origin: all grow by its scale."""
    total = 0.0
    for marker in (model.getMarkerSet().get(i) for i in range(model.getMarkerSet().getSize())):
        if marker.getParentFrame().findBaseFrame().getName() == body:
            place = marker.get_location()
            total += sum(place.get(i) ** 2 for i in range(3)) ** 0.5
    return total or float("nan")


answer = {"markers": markers, "solve": solve}[job["task"]]()
json.dump(answer, open(sys.argv[2], "w", encoding="utf-8"))
'''
